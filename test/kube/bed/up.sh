#!/bin/bash
# up.sh [NODES]: etcd, apiserver, controller-manager, scheduler; then NODES real nodes (default 1; 0 = control plane only)
. "$(dirname "$0")/lib.sh"
NODES=${1:-1}
[ -e $RUN/pid/etcd ] && { echo "already up in $RUN (down.sh first)"; exit 1; }
mkdir -p $RUN/{log,pid,etcd} $PKI
# the kubelet sets these for the whole machine; down.sh puts them back as they were before the first cluster
cat $(dirname $RUN)/run-*/sysctl 2>/dev/null | head -3 >$RUN/sysctl.before
[ -s $RUN/sysctl.before ] && mv $RUN/sysctl.before $RUN/sysctl || (cd /proc/sys && for k in kernel/panic kernel/panic_on_oops vm/overcommit_memory; do echo $k $(cat $k); done) >$RUN/sysctl
# --- network: one bridge in the host, one netns per node
ip link add $BR type bridge 2>/dev/null; ip addr add $NET.1/24 dev $BR 2>/dev/null; ip link set $BR up
[ -n "$NET6" ] && ip addr add $NET6::1/64 dev $BR nodad 2>/dev/null
netns() {
  local n=$1 ns=$CLUSTER-n$1
  ip link del $CLUSTER-v$n 2>/dev/null; ip netns add $ns || exit 1
  ip link add $CLUSTER-v$n type veth peer name eth0 netns $ns
  ip link set $CLUSTER-v$n master $BR up
  ip -n $ns link set lo up; ip -n $ns addr add $NET.$((10+n))/24 dev eth0; ip -n $ns link set eth0 up
  ip -n $ns route add default via $NET.1
  nsenter --net=/run/netns/$ns sysctl -qw net.ipv4.ip_forward=1
  ip route add $POD_NET.$n.0/24 via $NET.$((10+n)) 2>/dev/null
  [ -z "$NET6" ] && return
  ip -n $ns addr add $NET6::$((10+n))/64 dev eth0 nodad
  ip -n $ns route add default via $NET6::1
  nsenter --net=/run/netns/$ns sysctl -qw net.ipv6.conf.all.forwarding=1
  ip route add $NET6:1:$n::/64 via $NET6::$((10+n)) 2>/dev/null
}
for n in $(seq 1 $(( NODES > 0 ? NODES : 1 ))); do netns $n; done
ip route add $SVC_NET.0.0/16 via $NET.11 2>/dev/null
[ -n "$NET6" ] && ip route add $NET6:2::/112 via $NET6::11 2>/dev/null
for a in $(seq 1 $NODES); do for b in $(seq 1 $NODES); do
  [ $a = $b ] && continue
  ip -n $CLUSTER-n$a route add $POD_NET.$b.0/24 via $NET.$((10+b))
  [ -n "$NET6" ] && ip -n $CLUSTER-n$a route add $NET6:1:$b::/64 via $NET6::$((10+b))
done; done
say "network"
# --- certificates
ca ca; ca front-proxy-ca
cert apiserver /CN=kube-apiserver ca extendedKeyUsage=serverAuth "subjectAltName=IP:127.0.0.1,IP:$NET.11,IP:$NET.1,IP:$SVC_NET.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
cert admin /O=system:masters/CN=admin ca extendedKeyUsage=clientAuth
cert kubelet-client /O=system:masters/CN=apiserver-kubelet-client ca extendedKeyUsage=clientAuth
cert kcm /CN=system:kube-controller-manager ca extendedKeyUsage=clientAuth
cert scheduler /CN=system:kube-scheduler ca extendedKeyUsage=clientAuth
cert proxy /CN=system:kube-proxy ca extendedKeyUsage=clientAuth
cert front-proxy /CN=front-proxy-client front-proxy-ca extendedKeyUsage=clientAuth
openssl genrsa -out $PKI/sa.key 2048 2>/dev/null; openssl rsa -in $PKI/sa.key -pubout -out $PKI/sa.pub 2>/dev/null
kubeconf admin admin; kubeconf kcm kcm; kubeconf scheduler scheduler; kubeconf proxy proxy
say "certificates"
# --- control plane, in the network namespace of node 1
I="$(innet 1)"
start etcd $I $BIN/etcd --data-dir $RUN/etcd --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 \
  --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 --log-level warn
start kube-apiserver $I $BIN/kube-apiserver --etcd-servers=http://127.0.0.1:2379 --secure-port=$API_PORT \
  --advertise-address=$NET.11 --service-cluster-ip-range=$SVC_NET.0.0/16${NET6:+,$NET6:2::/112} --authorization-mode=Node,RBAC \
  --enable-admission-plugins=NodeRestriction --allow-privileged=true \
  --client-ca-file=$PKI/ca.crt --tls-cert-file=$PKI/apiserver.crt --tls-private-key-file=$PKI/apiserver.key \
  --kubelet-client-certificate=$PKI/kubelet-client.crt --kubelet-client-key=$PKI/kubelet-client.key \
  --kubelet-preferred-address-types=InternalIP \
  --service-account-issuer=https://kubernetes.default.svc.cluster.local --service-account-key-file=$PKI/sa.pub \
  --service-account-signing-key-file=$PKI/sa.key --api-audiences=https://kubernetes.default.svc.cluster.local,istio-ca \
  --requestheader-client-ca-file=$PKI/front-proxy-ca.crt --requestheader-allowed-names=front-proxy-client \
  --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
  --requestheader-extra-headers-prefix=X-Remote-Extra- --proxy-client-cert-file=$PKI/front-proxy.crt \
  --proxy-client-key-file=$PKI/front-proxy.key --enable-aggregator-routing=true $TOPSAIL_KUBE_API_ARGS
K="$BIN/kubectl"
wait_for 120 "apiserver answers /readyz" $K get --raw /readyz || exit 1
start kube-controller-manager $I $BIN/kube-controller-manager --kubeconfig=$RUN/kcm.kubeconfig \
  --authentication-kubeconfig=$RUN/kcm.kubeconfig --authorization-kubeconfig=$RUN/kcm.kubeconfig \
  --leader-elect=false --use-service-account-credentials=true --root-ca-file=$PKI/ca.crt \
  --service-account-private-key-file=$PKI/sa.key --cluster-signing-cert-file=$PKI/ca.crt \
  --cluster-signing-key-file=$PKI/ca.key --allocate-node-cidrs=false --bind-address=127.0.0.1 --kube-api-qps=1000 --kube-api-burst=2000 $TOPSAIL_KUBE_KCM_ARGS
start kube-scheduler $I $BIN/kube-scheduler --kubeconfig=$RUN/scheduler.kubeconfig \
  --authentication-kubeconfig=$RUN/scheduler.kubeconfig --authorization-kubeconfig=$RUN/scheduler.kubeconfig \
  --leader-elect=false --bind-address=127.0.0.1 --kube-api-qps=1000 --kube-api-burst=2000
wait_for 120 "controller-manager made the default service account" $K -n default get serviceaccount default || exit 1
for n in $(seq 1 $NODES); do $HERE/node.sh $n || exit 1; done
[ $NODES -gt 0 ] && for n in $(seq 1 $NODES); do
  wait_for 180 "node n$n is Ready" $K wait --for=condition=Ready node/n$n --timeout=1s || exit 1
done
[ $NODES -gt 0 ] && [ -z "$TOPSAIL_KUBE_NO_DNS" ] && {
  sed "s/10\.96\.0\.10/$SVC_NET.0.10/" $HERE/yaml/coredns.yaml | $K apply -f - >/dev/null
  wait_for 60 "coredns answers" $K -n kube-system wait --for=condition=Available deploy/coredns --timeout=1s
}
say "up: export KUBECONFIG=$KUBECONFIG"
