// A server and a client that answer as the `echo-advanced` image of the Gateway API's mesh profile does, which is not
// published as a module. Called `client` it asks once or --count times and prints what came; else it serves.
package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

func main() {
	if filepath.Base(os.Args[0]) == "client" {
		if err := ask(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	serve(os.Args[1:])
}

func serve(args []string) {
	values := map[string][]string{}
	for _, arg := range args {
		name, value, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		values[name] = append(values[name], value)
	}
	secure := map[string]bool{}
	for _, port := range values["tls"] {
		secure[port] = true
	}
	// One of the suite's pods is given nothing: it only asks.
	if len(values["port"]) == 0 {
		values["port"] = []string{"8080"}
	}
	failed := make(chan error)
	for _, port := range values["port"] {
		go func() { failed <- serveHTTP(port, secure[port]) }()
	}
	for _, port := range values["tcp"] {
		go func() { failed <- serveTCP(port) }()
	}
	log.Fatal(<-failed)
}

func serveHTTP(port string, secure bool) error {
	both := new(http.Protocols)
	both.SetHTTP1(true)
	both.SetHTTP2(true)
	both.SetUnencryptedHTTP2(true)
	server := &http.Server{Addr: ":" + port, Protocols: both, ReadHeaderTimeout: 10 * time.Second}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, echo(r, port))
	})
	if !secure {
		return server.ListenAndServe()
	}
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	return server.ListenAndServeTLS("", "")
}

func echo(r *http.Request, port string) string {
	hostname, _ := os.Hostname()
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	var body strings.Builder
	line := func(name, value string) { fmt.Fprintf(&body, "%s=%s\n", name, value) }
	line("ServiceVersion", "")
	line("ServicePort", port)
	line("Host", r.Host)
	line("URL", r.URL.RequestURI())
	line("Cluster", "")
	line("IstioVersion", "")
	line("Method", r.Method)
	line("Proto", r.Proto)
	line("IP", address)
	headerLines(&body, "RequestHeader", "", r.Header)
	line("Hostname", hostname)
	return body.String()
}

func headerLines(to *strings.Builder, field, prefix string, header http.Header) {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		for _, value := range header[name] {
			fmt.Fprintf(to, "%s%s=%s:%s\n", prefix, field, name, value)
		}
	}
}

func serveTCP(port string) error {
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			io.Copy(connection, connection)
		}()
	}
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"echo"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// ask prints each answer as fields, and a blank line between two.
func ask(args []string) error {
	url, method, count := "", "GET", 1
	header, host := http.Header{}, ""
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		switch {
		case args[i] == "-H" && i+1 < len(args):
			i++
			key, text, _ := strings.Cut(args[i], ":")
			if strings.EqualFold(key, "host") {
				host = strings.TrimSpace(text)
			} else {
				header.Add(key, strings.TrimSpace(text))
			}
		case name == "--method" && joined:
			method = value
		case name == "--count" && joined:
			if _, err := fmt.Sscan(value, &count); err != nil {
				return err
			}
		case !strings.HasPrefix(args[i], "-"):
			url = args[i]
		}
	}
	client := &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for n := range count {
		request, err := http.NewRequest(method, url, nil)
		if err != nil {
			return err
		}
		request.Header, request.Host = header, host
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		if n > 0 {
			fmt.Println()
		}
		fmt.Print(told(n, url, response))
		response.Body.Close()
	}
	return nil
}

func told(n int, url string, response *http.Response) string {
	var text strings.Builder
	fmt.Fprintf(&text, "[%d] Url=%s\n[%d] StatusCode=%d\n", n, url, n, response.StatusCode)
	headerLines(&text, "ResponseHeader", fmt.Sprintf("[%d] ", n), response.Header)
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		fmt.Fprintf(&text, "[%d body] %s\n", n, lines.Text())
	}
	return text.String()
}
