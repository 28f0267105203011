// Metadata of every object (Kubernetes' ObjectMeta), as a schema.

import { anyValue, integer, message, text, textDict, textList } from './schema.ts';

export const MetadataSchema = message('Name, place and labels of an object.', {
  name: text('Its name.', { maxLength: 253 }),
  generateName: text('Beginning of a name that the server completes.'),
  namespace: text('Its namespace.', { maxLength: 63 }),
  labels: textDict('Labels.'),
  annotations: textDict('Annotations.'),
  creationTimestamp: text('When it was created, RFC 3339.'),
  deletionTimestamp: text('When it was deleted.'),
  deletionGracePeriodSeconds: integer('Grace.'),
  generation: integer('Counts changes of its spec.'),
  resourceVersion: text('Counts all changes.'),
  uid: text('Tells objects of one name apart.'),
  selfLink: text('Link.'),
  finalizers: textList('Finalizers.'),
  ownerReferences: anyValue('Owners.'),
  managedFields: anyValue('Field managers.'),
});
