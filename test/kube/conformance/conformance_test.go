// The Gateway API project's own conformance suite as one program; test/kube/conformance.ts builds and runs it.
package conformance

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
)

func TestConformance(t *testing.T) { conformance.RunConformance(t) }
