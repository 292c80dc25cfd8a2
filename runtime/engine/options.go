package engine

import (
	"net/url"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Options are choices about a Runtime. The zero value is what everybody wants.
type Options struct {
	// NoSessions has each exec and each archive start a guest of its own by the engine's exec. It works the same and costs more.
	NoSessions bool
	// Carrier has each sandbox's session run over the standard streams of its first process, in place of an engine's exec: the first exec is as cheap as all
	// others, and a connection to the engine is held for each sandbox from its start. It works the same, but for kernels that do not tell of a process's
	// children. Without CapabilityAttached, and where a sandbox has no session, it has no effect.
	Carrier bool
}

// The URL parameters that say NoSessions and Carrier.
const (
	sessionsKey = "sessions"
	carrierKey  = "carrier"
)

// ReadOptions takes the options out of a driver's URL: "sessions=off" is NoSessions, "carrier=attached" Carrier. A value that is not known is ErrInvalid. A
// nil URL has none.
func ReadOptions(u *url.URL) (rest *url.URL, o Options, err error) {
	if u == nil {
		return nil, o, nil
	}
	query := u.Query()
	found := false
	for key, choices := range map[string]map[string]func(){
		sessionsKey: {"off": func() { o.NoSessions = true }, "on": func() {}},
		carrierKey:  {"attached": func() { o.Carrier = true }, "exec": func() {}},
	} {
		if !query.Has(key) {
			continue
		}
		choose, known := choices[query.Get(key)]
		if !known {
			return u, Options{}, &runtime.Error{
				Op: "open", ID: u.Redacted(), Kind: runtime.ErrInvalid, Message: key + "=" + query.Get(key) + " in the URL",
				Hint: "write sessions=off, carrier=attached, or nothing",
			}
		}
		choose()
		query.Del(key)
		found = true
	}
	if !found {
		return u, o, nil
	}
	plain := *u
	plain.RawQuery = query.Encode()
	return &plain, o, nil
}

// again adds what differs from the zero value to the URL that opens a runtime again.
func (o Options) again(ref string) string {
	u, err := url.Parse(ref)
	if o == (Options{}) || err != nil {
		return ref
	}
	query := u.Query()
	if o.NoSessions {
		query.Set(sessionsKey, "off")
	}
	if o.Carrier {
		query.Set(carrierKey, "attached")
	}
	u.RawQuery = query.Encode()
	return u.String()
}
