# Who may do what with orders. The input is Envoy's, so this policy works unchanged behind the OPA-Envoy plugin too.
package envoy.authz

import rego.v1

default allow := {"allowed": false, "http_status": 403, "body": "not by this policy", "headers": {"x-decided-by": "opa"}}

allow := {"allowed": true, "headers": {"x-user": user}, "response_headers_to_add": {"x-decided-by": "opa"}} if {
	permitted
}

permitted if {
	input.attributes.request.http.method == "GET"
	input.parsed_path[0] == "orders"
}

# An order goes up to the caller's limit.
permitted if {
	input.attributes.request.http.method == "POST"
	input.parsed_path == ["orders"]
	input.parsed_body.amount <= limit
}

user := object.get(input.attributes.request.http.headers, "x-user", "anonymous")

limit := object.get(data.limits, user, 0)
