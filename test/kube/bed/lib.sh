# Shared by up.sh, node.sh and down.sh: names, addresses, processes in a cgroup of their own, certificates.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BIN=${TOPSAIL_KUBE_BIN:?folder with kubebox, containerd, runc and the CNI plugins}
RUN=${TOPSAIL_KUBE_RUN:?folder of this cluster}
CLUSTER=${TOPSAIL_KUBE_CLUSTER:-topsail}          # names of netns and bridge begin with it
NET=${TOPSAIL_KUBE_NET:-10.210.0}             # node network; .1 is the host's side of the bridge
API_PORT=${TOPSAIL_KUBE_API_PORT:-6443}
POD_NET=${TOPSAIL_KUBE_POD_NET:-10.214}       # node N has pods in $POD_NET.N.0/24
SVC_NET=${TOPSAIL_KUBE_SVC_NET:-10.216}        # services in $SVC_NET.0.0/16, DNS at $SVC_NET.0.10
NET6=${TOPSAIL_KUBE_NET6:-}                      # fd00:xx, or empty for IPv4 alone: nodes in $NET6::/64, pods of node N in $NET6:1:N::/64, services in $NET6:2::/112
API=https://$NET.11:$API_PORT
BR=${CLUSTER}br0
PKI=$RUN/pki
export KUBECONFIG=$RUN/admin.kubeconfig
T0=$(date +%s%N)
say() { local ms=$(( ($(date +%s%N) - T0) / 1000000 )); printf "%4d.%d s  %s\n" $((ms / 1000)) $((ms % 1000 / 100)) "$*"; }
# every process of the cluster is in a cgroup of ours, so that down.sh finds them all (v1: the pids hierarchy; v2: the one tree)
CG=/sys/fs/cgroup; [ -d $CG/pids ] && CG=$CG/pids
# start NAME CMD...: start in the background, own session, in our cgroup; log and pid kept
start() {
  local name=$1; shift
  mkdir -p $CG/$CLUSTER-sys
  setsid bash -c 'echo $$ >'$CG/$CLUSTER-sys/cgroup.procs'; exec "$@"' x "$@" >"$RUN/log/$name.log" 2>&1 </dev/null &
  echo $! >"$RUN/pid/$name"
}
innet() { local n=$1; shift; echo nsenter --net=/run/netns/$CLUSTER-n$n "$@"; }
wait_for() { # wait_for SECONDS WHAT CMD...
  local end=$(( $(date +%s) + $1 )) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do
    [ $(date +%s) -ge $end ] && { say "gave up waiting for $what"; return 1; }
    sleep 0.1
  done
  say "$what"
}
cert() { # cert NAME SUBJECT CA [extensions...]
  local name=$1 subj=$2 ca=$3; shift 3
  openssl ecparam -name prime256v1 -genkey -noout -out $PKI/$name.key
  openssl req -new -key $PKI/$name.key -subj "$subj" -out $PKI/$name.csr
  printf '%s\n' "keyUsage=critical,digitalSignature,keyEncipherment" "$@" >$PKI/$name.ext
  openssl x509 -req -in $PKI/$name.csr -CA $PKI/$ca.crt -CAkey $PKI/$ca.key -CAcreateserial -days 30 \
    -extfile $PKI/$name.ext -out $PKI/$name.crt 2>/dev/null
}
ca() {
  openssl ecparam -name prime256v1 -genkey -noout -out $PKI/$1.key
  openssl req -x509 -new -key $PKI/$1.key -subj "/CN=$1" -days 30 -out $PKI/$1.crt \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}
kubeconf() { # kubeconf NAME CERT
  cat >$RUN/$1.kubeconfig <<EOC
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "$API", certificate-authority: "$PKI/ca.crt"}}]
users: [{name: u, user: {client-certificate: "$PKI/$2.crt", client-key: "$PKI/$2.key"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
EOC
}
