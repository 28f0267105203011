// Says which handler it ran: net/http's own ServeMux chooses it.
package main

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
)

var private = regexp.MustCompile(`^/t/[^/]+/private$`)

func say(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		host := strings.ToLower(r.Host)
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		shop := "other"
		if strings.TrimSuffix(host, ".") == "shop.example" {
			shop = "shop"
		}
		role := "none"
		for _, value := range r.Header.Values("x-role") {
			if value == "admin" {
				role = "role"
			}
		}
		found := name
		if found == "none" && strings.HasSuffix(r.URL.Path, "/secret") {
			found = "secret"
		}
		if found == "none" && private.MatchString(r.URL.Path) {
			found = "private"
		}
		w.Header().Set("x-handler", strings.Join([]string{found, shop, role, r.Method}, ","))
	}
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/exact", say("exact"))
	mux.HandleFunc("/admin", say("admin"))
	mux.HandleFunc("/admin/", say("admin"))
	mux.HandleFunc("/", say("none"))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(listener, mux))
}
