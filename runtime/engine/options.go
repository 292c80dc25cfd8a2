package engine

import (
	"net/url"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Options are choices about a Runtime. The zero value is what everybody wants.
type Options struct {
	// NoSessions has each exec and each archive start a guest of its own by the engine's exec. It works the same and costs more.
	NoSessions bool
}

// sessionsKey is the URL parameter that says NoSessions.
const sessionsKey = "sessions"

// ReadOptions takes the options out of a driver's URL: "sessions=off" is NoSessions. A value that is not known is ErrInvalid. A nil URL has
// none.
func ReadOptions(u *url.URL) (rest *url.URL, o Options, err error) {
	if u == nil {
		return nil, o, nil
	}
	query := u.Query()
	if !query.Has(sessionsKey) {
		return u, o, nil
	}
	switch value := query.Get(sessionsKey); value {
	case "off":
		o.NoSessions = true
	case "on":
	default:
		return u, o, &runtime.Error{
			Op: "open", ID: u.Redacted(), Kind: runtime.ErrInvalid, Message: "sessions=" + value + " in the URL", Hint: "write sessions=off, or nothing",
		}
	}
	query.Del(sessionsKey)
	plain := *u
	plain.RawQuery = query.Encode()
	return &plain, o, nil
}

// again adds what differs from the zero value to the URL that opens a runtime again.
func (o Options) again(ref string) string {
	u, err := url.Parse(ref)
	if !o.NoSessions || err != nil {
		return ref
	}
	query := u.Query()
	query.Set(sessionsKey, "off")
	u.RawQuery = query.Encode()
	return u.String()
}
