// A real Go client, driven over stdin and stdout. Protocol: ../../src/client-process.ts.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/zishang520/socket.io/clients/engine/v3/transports"
	"github.com/zishang520/socket.io/clients/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

type command struct {
	Cmd        string   `json:"cmd"`
	Name       string   `json:"name"`
	URL        string   `json:"url"`
	Nsp        string   `json:"nsp"`
	Transports []string `json:"transports"`
	Event      string   `json:"event"`
	Args       []any    `json:"args"`
	Ack        *int     `json:"ack"`
}

var (
	writing sync.Mutex
	sockets sync.Map
)

func write(line map[string]any) {
	text, err := json.Marshal(line)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	writing.Lock()
	defer writing.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

func pack(value any) any {
	switch value := value.(type) {
	case []byte:
		return map[string]any{"$bin": base64.StdEncoding.EncodeToString(value)}
	case *types.StringBuffer:
		return value.String()
	case types.BufferInterface:
		return map[string]any{"$bin": base64.StdEncoding.EncodeToString(value.Bytes())}
	case []any:
		return packAll(value)
	case map[string]any:
		packed := map[string]any{}
		for key, entry := range value {
			packed[key] = pack(entry)
		}
		return packed
	case error:
		return value.Error()
	}
	return value
}

func packAll(values []any) []any {
	packed := make([]any, len(values))
	for i, value := range values {
		packed[i] = pack(value)
	}
	return packed
}

func unpack(value any) any {
	switch value := value.(type) {
	case []any:
		unpacked := make([]any, len(value))
		for i, entry := range value {
			unpacked[i] = unpack(entry)
		}
		return unpacked
	case map[string]any:
		if bytes, ok := value["$bin"].(string); ok {
			decoded, _ := base64.StdEncoding.DecodeString(bytes)
			return types.NewBytesBuffer(decoded)
		}
		unpacked := map[string]any{}
		for key, entry := range value {
			unpacked[key] = unpack(entry)
		}
		return unpacked
	}
	return value
}

func report(name string, event string, args []any) {
	write(map[string]any{"name": name, "event": event, "args": packAll(args)})
}

func connect(c command) {
	options := socket.DefaultOptions()
	chosen := types.NewSet[transports.TransportCtor]()
	for _, name := range c.Transports {
		if name == "polling" {
			chosen.Add(transports.Polling)
		} else {
			chosen.Add(transports.WebSocket)
		}
	}
	options.SetTransports(chosen)
	options.SetForceNew(true)
	options.SetReconnectionDelay(100)
	options.SetReconnectionDelayMax(300)
	options.SetAutoConnect(false)
	client, err := socket.Connect(c.URL+c.Nsp, options)
	if err != nil {
		report(c.Name, "connect_error", []any{err})
		return
	}
	sockets.Store(c.Name, client)
	for _, event := range []types.EventName{"connect", "connect_error", "event", "news", "fence"} {
		client.On(event, func(args ...any) { report(c.Name, string(event), args) })
	}
	client.On("disconnect", func(args ...any) { report(c.Name, "disconnect", args[:1]) })
	// Asked by the server: reports what came and answers with the same.
	client.On("question", func(args ...any) {
		answer := args[len(args)-1].(func([]any, error))
		question := args[:len(args)-1]
		report(c.Name, "question", question)
		answer(question, nil)
	})
	client.Connect()
}

func emit(c command) {
	found, ok := sockets.Load(c.Name)
	if !ok {
		return
	}
	client := found.(*socket.Socket)
	args := unpack(c.Args).([]any)
	if c.Ack == nil {
		client.Emit(c.Event, args...)
		return
	}
	client.EmitWithAck(c.Event, args...)(func(answer []any, err error) {
		if err == nil {
			write(map[string]any{"reply": *c.Ack, "args": packAll(answer)})
		}
	})
}

func main() {
	write(map[string]any{"ready": true})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		switch c.Cmd {
		case "connect":
			go connect(c)
		case "emit":
			emit(c)
		case "disconnect":
			if client, ok := sockets.LoadAndDelete(c.Name); ok {
				client.(*socket.Socket).Disconnect()
			}
		case "exit":
			return
		}
	}
}
