#!/bin/bash
# node.sh N: containerd + kubelet + kube-proxy of node N in the network namespace made by up.sh
. "$(dirname "$0")/lib.sh"
n=$1; D=$RUN/n$n; IP=$NET.$((10+n)); I="$(innet $n)"
RANGE6= ROUTE6=
[ -n "$NET6" ] && { RANGE6=",[{\"subnet\":\"$NET6:1:$n::/64\"}]"; ROUTE6=',{"dst":"::/0"}'; }
mkdir -p $D/{kubelet,containerd,state,cni,cnibin,logs}
cert node$n /O=system:nodes/CN=system:node:n$n ca extendedKeyUsage=serverAuth,clientAuth "subjectAltName=IP:$IP,DNS:n$n"
kubeconf node$n node$n
cat >$D/cni/10-bridge.conflist <<EOC
{"cniVersion":"1.0.0","name":"bridge","plugins":[
 {"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":false,"hairpinMode":true,"promiscMode":false,
  "ipam":{"type":"host-local","dataDir":"$D/ipam","ranges":[[{"subnet":"$POD_NET.$n.0/24"}]$RANGE6],"routes":[{"dst":"0.0.0.0/0"}$ROUTE6]}},
 {"type":"portmap","capabilities":{"portMappings":true},"snat":true}]}
EOC
cat >$D/containerd.toml <<EOC
version = 3
root = "$D/containerd"
state = "$D/state"
oom_score = 0
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "$D/containerd.sock"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "bed.local/pause:1"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["$D/cnibin", "$BIN"]
  conf_dir = "$D/cni"
[plugins."io.containerd.cri.v1.runtime".containerd]
  default_runtime_name = "runc"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = "$BIN/runc"
  SystemdCgroup = false
EOC
cat >$D/kubelet.yaml <<EOC
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: "$IP"
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "$PKI/ca.crt"}}
authorization: {mode: Webhook}
tlsCertFile: "$PKI/node$n.crt"
tlsPrivateKeyFile: "$PKI/node$n.key"
healthzBindAddress: 127.0.0.1
containerRuntimeEndpoint: "unix://$D/containerd.sock"
cgroupDriver: cgroupfs
cgroupRoot: "/$CLUSTER-n$n"
failCgroupV1: false
clusterDNS: ["$SVC_NET.0.10"]
clusterDomain: cluster.local
resolvConf: "$D/resolv.conf"
podLogsDir: "$D/logs"
volumePluginDir: "$D/volume-plugins"
oomScoreAdj: 0
imagePullCredentialsVerificationPolicy: NeverVerify
failSwapOn: false
maxPods: 110
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: "100Mi"}
syncFrequency: 10s
fileCheckFrequency: 0s
EOC
echo "nameserver $SVC_NET.0.10" >$D/resolv.conf
# the cgroup v1 hierarchies need the kubelet's root folder
for c in /sys/fs/cgroup/*/; do case $c in */unified/) ;; *) mkdir -p $c$CLUSTER-n$n;; esac; done
c=/sys/fs/cgroup/cpuset/$CLUSTER-n$n; cat /sys/fs/cgroup/cpuset/cpuset.cpus >$c/cpuset.cpus; cat /sys/fs/cgroup/cpuset/cpuset.mems >$c/cpuset.mems
PATH=$BIN:$PATH
CTRD=$BIN/containerd; CTR="$BIN/ctr"
# a mount namespace per node: its /run (pod netns, shim sockets) and every mount go away with its last process
mkdir -p /var/lib/cni
start containerd-n$n $I unshare -m --propagation private bash -c 'mount -t tmpfs none /run; mkdir /run/netns; mount -t tmpfs none /var/lib/cni; exec "$@"' x $CTRD --config $D/containerd.toml
wait_for 60 "containerd n$n" $CTR -a $D/containerd.sock version || exit 1
for t in $TOPSAIL_KUBE_IMAGES; do $CTR -a $D/containerd.sock -n k8s.io images import --local $t >>$RUN/log/import-n$n.log 2>&1 || echo "import of $t failed"; done
say "images imported on n$n"
start kubelet-n$n nsenter -t $(cat $RUN/pid/containerd-n$n) -n -m $BIN/kubelet --config=$D/kubelet.yaml --kubeconfig=$RUN/node$n.kubeconfig --root-dir=$D/kubelet \
  --hostname-override=n$n --node-ip=$IP${NET6:+,$NET6::$((10+n))} --cert-dir=$D/pki $TOPSAIL_KUBE_KUBELET_ARGS
cat >$D/proxy.yaml <<EOC
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: "$RUN/proxy.kubeconfig"}
hostnameOverride: n$n
clusterCIDR: "$POD_NET.0.0/16${NET6:+,$NET6:1::/48}"
oomScoreAdj: 0
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
EOC
start kube-proxy-n$n $I $BIN/kube-proxy --config=$D/proxy.yaml
