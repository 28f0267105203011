// Redirection of pods without a privileged container: the CNI plugin, its place in the node's configuration, and repair.
export { brokenPod, isOfPod, type PodState } from './broken-pod.ts';
export { answerCni, type CniAnswer, type CniPluginParts } from './cni-plugin.ts';
export { ANNOTATIONS_CAPABILITY } from './cni-request.ts';
export { ConfFolder, type ConfFolderOptions } from './conf-folder.ts';
export { PLUGIN_TYPE } from './conf-list.ts';
