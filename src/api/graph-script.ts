// The page's script: puts workloads in layers by who calls whom, orders each layer to cross few edges, draws, listens.
// Plain JavaScript in a string: a page that is served as it is needs no build.

export const GRAPH_SCRIPT = String.raw`
'use strict';
const SVG='http://www.w3.org/2000/svg',W=176,H=52,GAPX=140,GAPY=34,PAD=30;
const $=id=>document.getElementById(id),svg=$('graph');
const LOCK='M2 5V4a3 3 0 0 1 6 0v1h1v6H1V5zm1.4 0h3.2V4a1.6 1.6 0 0 0-3.2 0z';
let places=new Map(),shape='';
function el(name,attrs,parent,text){const e=document.createElementNS(SVG,name);for(const k in attrs)e.setAttribute(k,attrs[k]);if(text!==undefined)e.textContent=text;if(parent)parent.appendChild(e);return e}
const id=(ns,n)=>ns+'/'+n;
function layers(nodes,edges){
  const rank=new Map(nodes.map(n=>[n,0])),out=new Map(nodes.map(n=>[n,[]]));
  for(const e of edges)if(e.from!==e.to)out.get(e.from).push(e.to);
  const state=new Map();
  const visit=(n,stack)=>{state.set(n,1);for(const m of out.get(n)){if(state.get(m)===1)continue;if(rank.get(m)<rank.get(n)+1){rank.set(m,rank.get(n)+1);visit(m)}else if(!state.has(m))visit(m)}state.set(n,2)};
  const called=new Set(edges.map(e=>e.to));
  for(const n of nodes)if(!called.has(n))visit(n);
  for(const n of nodes)if(!state.has(n))visit(n);
  const rows=[];for(const n of nodes){const r=rank.get(n);(rows[r]=rows[r]||[]).push(n)}
  const cols=rows.filter(Boolean);
  const near=new Map(nodes.map(n=>[n,[]]));for(const e of edges){near.get(e.from).push(e.to);near.get(e.to).push(e.from)}
  for(let pass=0;pass<6;pass++){const at=new Map();cols.forEach(c=>c.forEach((n,i)=>at.set(n,i-(c.length-1)/2)));
    for(const c of cols){const score=new Map(c.map(n=>[n,near.get(n).length?near.get(n).reduce((s,m)=>s+at.get(m),0)/near.get(n).length:at.get(n)]));c.sort((a,b)=>score.get(a)-score.get(b)||(a<b?-1:1))}}
  return cols;
}
function place(cols){
  const tall=Math.max(...cols.map(c=>c.length),1),height=Math.max(300,PAD*2+tall*H+(tall-1)*GAPY),width=PAD*2+cols.length*W+(cols.length-1)*GAPX;
  places=new Map();
  cols.forEach((c,x)=>{const used=c.length*H+(c.length-1)*GAPY;c.forEach((n,y)=>places.set(n,{x:PAD+x*(W+GAPX),y:(height-used)/2+y*(H+GAPY)}))});
  svg.setAttribute('viewBox','0 0 '+Math.max(width,420)+' '+height);svg.style.maxHeight='62vh';
}
const ms=v=>v<=0?'–':v<10?v.toFixed(1)+' ms':Math.round(v)+' ms';
const rate=v=>v>=100?Math.round(v):v.toFixed(1);
const share=e=>e.requestsPerSecond>0?e.errorsPerSecond/e.requestsPerSecond:0;
function draw(edges){
  const list=edges.map(e=>({...e,from:id(e.sourceNamespace,e.source),to:id(e.destinationNamespace,e.destination)}));
  const nodes=[...new Set(list.flatMap(e=>[e.from,e.to]))].sort();
  const key=list.map(e=>e.from+'>'+e.to).sort().join();
  if(key!==shape){shape=key;place(layers(nodes,list))}
  svg.replaceChildren();$('empty').hidden=nodes.length>0;
  if(!nodes.length)svg.setAttribute('viewBox','0 0 800 300');
  const lines=el('g',{},svg),labels=el('g',{},svg),boxes=el('g',{},svg);
  const into=new Map();for(const e of list){const a=into.get(e.to)||{rps:0,err:0};a.rps+=e.requestsPerSecond;a.err+=e.errorsPerSecond;into.set(e.to,a)}
  for(const e of list){
    const a=places.get(e.from),b=places.get(e.to),x1=a.x+W,y1=a.y+H/2,x2=b.x,y2=b.y+H/2,back=x2<=x1-1;
    const mid=back?Math.min(a.y,b.y)-30:(y1+y2)/2,d=back?'M'+(a.x+W/2)+' '+a.y+' C'+(a.x+W/2)+' '+mid+' '+(b.x+W/2)+' '+mid+' '+(b.x+W/2)+' '+b.y:'M'+x1+' '+y1+' C'+(x1+GAPX/2)+' '+y1+' '+(x2-GAPX/2)+' '+y2+' '+x2+' '+y2;
    const bad=share(e)>0.001,kind=e.requestsPerSecond<=0?'idle':bad?'bad':e.mtls<1?'plain':'';
    const line=el('path',{d,class:'edge '+kind,'stroke-width':Math.min(7,2+Math.log2(1+e.requestsPerSecond)/1.6)},lines);
    el('title',{},line,e.source+' → '+e.destination+'\n'+(e.sourcePrincipal||'no identity')+'\n'+(e.destinationPrincipal||'no identity'));
    if(e.requestsPerSecond>0)el('path',{d,class:'flow'},lines);
    const g=el('g',{class:'label'},labels),text=rate(e.requestsPerSecond)+'/s',err=bad?' '+(100*share(e)).toFixed(share(e)<.1?1:0)+'%':'',lock=e.mtls>=1;
    const tw=(text+err).length*6.4+(lock?16:0)+14,lx=back?(a.x+b.x+W)/2:(x1+x2)/2,ly=back?mid+8:(y1+y2)/2;
    el('rect',{x:lx-tw/2,y:ly-10,width:tw,height:20,rx:10},g);
    const t=el('text',{x:lx-(lock?7:0),y:ly+4,'text-anchor':'middle'},g);el('tspan',{},t,text);if(err)el('tspan',{class:'err'},t,err);if(lock)el('path',{class:'lock',d:LOCK,transform:'translate('+(lx+tw/2-18)+' '+(ly-6)+')'},g);
  }
  for(const n of nodes){
    const p=places.get(n),sum=into.get(n),bad=sum&&sum.rps>0&&sum.err/sum.rps>0.001,[ns,name]=n.split('/');
    const g=el('g',{class:'node'+(bad?' bad':'')},boxes);el('rect',{x:p.x,y:p.y,width:W,height:H,rx:9},g);
    el('text',{x:p.x+W/2,y:p.y+22,'text-anchor':'middle'},g,name.length>20?name.slice(0,19)+'…':name);
    el('text',{x:p.x+W/2,y:p.y+39,'text-anchor':'middle',class:'sub'},g,(ns||'outside')+(sum?' · '+rate(sum.rps)+'/s':''));
  }
  const total=list.reduce((s,e)=>s+e.requestsPerSecond,0),errors=list.reduce((s,e)=>s+e.errorsPerSecond,0),safe=list.filter(e=>e.mtls>=1).length;
  $('sum').textContent=nodes.length+' workloads · '+rate(total)+' requests/s · '+(total?(100*errors/total).toFixed(1):'0.0')+' % errors · mTLS on '+safe+' of '+list.length+' edges';
  $('rows').replaceChildren(...list.map(e=>{const tr=document.createElement('tr'),cell=(t,c)=>{const td=document.createElement('td');td.textContent=t;if(c)td.className=c;tr.appendChild(td)};
    cell(e.source);cell(e.destination);cell(rate(e.requestsPerSecond),'n');cell((100*share(e)).toFixed(1)+' %',share(e)>0.001?'n bad':'n');cell(ms(e.p50Ms),'n');cell(ms(e.p99Ms),'n');cell(e.mtls>=1?'yes':e.mtls<=0?'no':Math.round(100*e.mtls)+' %',e.mtls>=1?'ok':'plain');return tr}));
}
const state=(c,t)=>{$('state').className=c;$('state').textContent=t};
const source=new EventSource('/api/v1/edges/events');
source.onmessage=m=>{state('live','live');draw(JSON.parse(m.data))};
source.onerror=()=>state('lost','control plane not reached');
draw([]);
`;
