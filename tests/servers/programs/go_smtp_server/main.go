// `server told.json`: keeps each mail in a file, its address on the first line.
package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

type facts struct {
	Ports            map[string]int
	Certificate, Key string
	Partial, Inbox   string
	User, Password   string
}

var (
	told   facts
	number atomic.Int64
)

type session struct {
	demands, isKnown bool
	address          string
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(mechanism string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(identity, user, password string) error {
		if user != told.User || password != told.Password {
			return errors.New("wrong password")
		}
		s.isKnown = true
		return nil
	}), nil
}

func (s *session) Mail(from string, options *smtp.MailOptions) error {
	if s.demands && !s.isKnown {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *session) Rcpt(to string, options *smtp.RcptOptions) error {
	s.address = to
	return nil
}

func (s *session) Data(reader io.Reader) error {
	raw, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d-%d-%d", time.Now().UnixNano(), os.Getpid(), number.Add(1))
	partial := filepath.Join(told.Partial, name)
	if err := os.WriteFile(partial, append([]byte(s.address+"\n"), raw...), 0o600); err != nil {
		return err
	}
	return os.Rename(partial, filepath.Join(told.Inbox, name))
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal(text, &told); err != nil {
		log.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(told.Certificate, told.Key)
	if err != nil {
		log.Fatal(err)
	}
	for way, port := range told.Ports {
		way := way
		server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
			return &session{demands: way == "submission"}, nil
		}))
		server.Addr = fmt.Sprintf("127.0.0.1:%d", port)
		server.Domain = "mx.example.net"
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
		listen := server.ListenAndServe
		if way == "smtps" {
			listen = server.ListenAndServeTLS
		}
		go func() { log.Fatal(listen()) }()
	}
	select {}
}
