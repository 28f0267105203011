// The live page: one HTML document with its own style and script, drawing the mesh's edges as a layered SVG graph.
import { GRAPH_SCRIPT } from './graph-script.ts';

export function graphPage(): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Topsail: live graph</title><link rel="icon" href="data:,"><style>${STYLE}</style></head><body>
<header><h1>${SAIL}Topsail</h1><div id="sum" aria-live="polite"></div><div id="state" class="waiting">connecting</div></header>
<main><svg id="graph" role="img" aria-label="Who calls whom"></svg><p id="empty" hidden>No traffic seen in the last seconds. Open the bookshop, or start some load.</p></main>
<section><table><thead><tr><th>Source</th><th>Destination</th><th class="n">Requests/s</th><th class="n">Errors</th><th class="n">p50</th><th class="n">p99</th><th>mTLS</th></tr></thead><tbody id="rows"></tbody></table></section>
<footer><span><i class="key ok"></i>healthy</span><span><i class="key bad"></i>errors</span><span><i class="key plain"></i>plaintext</span><span><svg viewBox="0 0 10 12" width="10" height="12"><path class="lock" d="M2 5V4a3 3 0 0 1 6 0v1h1v6H1V5zm1.4 0h3.2V4a1.6 1.6 0 0 0-3.2 0z"/></svg> both sides authenticated</span><span class="same">The same numbers: <code>./topsail edges</code></span></footer>
<script>${GRAPH_SCRIPT}</script></body></html>
`;
}

const SAIL =
  '<svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path d="M12 2v16M12 3c4 3 6 7 7 12h-7M11 6C8 9 6 12 5 15h6M3 18h18l-3 4H6z" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linejoin="round"/></svg>';

const STYLE = `
:root{color-scheme:light dark;--bg:#f4f6f8;--card:#fff;--ink:#1a2430;--soft:#5d6b7a;--line:#dde3ea;--ok:#1d8a5b;--bad:#cf3a2e;--plain:#c98a12;--brand:#12406b;--node:#fff}
@media (prefers-color-scheme:dark){:root{--bg:#0f151c;--card:#161f29;--ink:#e4eaf0;--soft:#93a1b1;--line:#263342;--ok:#45c48c;--bad:#ff7468;--plain:#e8b04a;--brand:#8fc1ee;--node:#1b2733}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:14px/1.5 ui-sans-serif,system-ui,sans-serif;display:flex;flex-direction:column;min-height:100vh}
header{display:flex;align-items:center;gap:20px;padding:12px 22px;background:var(--card);border-bottom:1px solid var(--line)}h1{font-size:18px;margin:0;display:flex;gap:9px;align-items:center;color:var(--brand)}
#sum{flex:1;color:var(--soft);font-variant-numeric:tabular-nums}#state{font-size:12px;padding:2px 10px;border-radius:99px;border:1px solid var(--line);color:var(--soft)}#state.live{color:var(--ok);border-color:var(--ok)}#state.lost{color:var(--bad);border-color:var(--bad)}
main{padding:18px 22px 0;position:relative}.lock{fill:var(--ok);fill-rule:evenodd}#graph{width:100%;display:block;background:var(--card);border:1px solid var(--line);border-radius:12px}#empty{position:absolute;inset:0;display:grid;place-items:center;color:var(--soft);margin:0}#empty[hidden]{display:none}
.node rect{fill:var(--node);stroke:var(--line);stroke-width:1.5}.node text{fill:var(--ink);font-weight:600;font-size:13px}.node .sub{fill:var(--soft);font-weight:400;font-size:11px}.node.bad rect{stroke:var(--bad)}
.edge{fill:none;stroke:var(--ok);stroke-linecap:round}.edge.bad{stroke:var(--bad)}.edge.plain{stroke:var(--plain);stroke-dasharray:7 5}.edge.idle{stroke:var(--line)}
.flow{fill:none;stroke:var(--card);stroke-width:1.6;stroke-dasharray:2 16;stroke-linecap:round;animation:flow 1.1s linear infinite;opacity:.9}@keyframes flow{to{stroke-dashoffset:-18}}@media (prefers-reduced-motion:reduce){.flow{animation:none}}
.label rect{fill:var(--card);stroke:var(--line)}.label text{font-size:11px;fill:var(--ink);font-variant-numeric:tabular-nums}.label .err{fill:var(--bad);font-weight:600}.label .soft{fill:var(--soft)}
section{padding:16px 22px}table{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line);border-radius:12px;overflow:hidden;font-variant-numeric:tabular-nums}th{text-align:left;color:var(--soft);font-weight:500;font-size:12px}th,td{padding:6px 14px;border-bottom:1px solid var(--line)}tr:last-child td{border-bottom:0}.n{text-align:right}td.bad{color:var(--bad);font-weight:600}td.ok{color:var(--ok)}td.plain{color:var(--plain)}
footer{display:flex;flex-wrap:wrap;gap:20px;padding:0 22px 18px;color:var(--soft);font-size:12px}.key{display:inline-block;width:22px;height:0;border-top:3px solid var(--ok);vertical-align:middle;margin-right:6px}.key.bad{border-color:var(--bad)}.key.plain{border-top-style:dashed;border-color:var(--plain)}.same{margin-left:auto}code{font-family:ui-monospace,monospace}
@media (max-width:760px){section{overflow-x:auto}header{flex-wrap:wrap}}
`;
