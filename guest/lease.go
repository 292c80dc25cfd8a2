package guest

import (
	"context"
	"fmt"
	"io"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// Renew begins the sandbox's lease anew (see InitOptions). Errors are ctx's, and ErrConnectionLost that matches ErrNoGuest: the session has ended, or the
// sandbox's first process could not be told.
func (s *Session) Renew(ctx context.Context) error {
	stream, err := s.open(ctx, wire.ForRenew)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, stream.Reset)
	n, err := stream.Read(make([]byte, 1))
	stream.Reset()
	switch {
	case !stop():
		return ctx.Err()
	case n > 0:
		return lost(fmt.Errorf("%w: data where a lease was to be renewed", wire.ErrFrame))
	case err != io.EOF:
		return noGuest(err.Error())
	}
	s.hear(false)
	return nil
}
