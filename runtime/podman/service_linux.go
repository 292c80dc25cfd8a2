package podman

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// StartService starts `podman system service` on a private socket and opens it. The service ends with Close, and with this
// process. Its sandboxes go on running, like any others: whoever starts a service as the same user finds them. Without a podman program
// on PATH it is ErrUnavailable.
func StartService(ctx context.Context) (runtime.Runtime, error) {
	program, err := exec.LookPath("podman")
	if err != nil {
		return nil, &runtime.Error{
			Op: "start service", Runtime: name, Kind: runtime.ErrUnavailable, Message: "there is no podman program on PATH",
		}
	}
	s, err := startService(program)
	if err != nil {
		return nil, serviceFailure(err)
	}
	if err := s.ready(ctx); err != nil {
		return nil, serviceFailure(multierror.Append(err, s.stop()).ErrorOrNil())
	}
	// The socket is nobody else's, so what opens the engine again is the driver's name.
	rt, err := openURL(ctx, s.url(), name, engine.Options{}, s.stop)
	if err != nil {
		return nil, multierror.Append(err, s.stop()).ErrorOrNil()
	}
	return rt, nil
}

func serviceFailure(err error) error {
	e := &runtime.Error{Op: "start service", Runtime: name, Kind: runtime.ErrUnavailable, Err: err}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		e.Kind = nil
	}
	return e
}

// A service is a running `podman system service`.
type service struct {
	dir, socket string
	process     *os.Process
	stderr      *tail
	ended       chan struct{} // closed when the process has been waited for
	once        sync.Once
	err         error
}

func startService(program string) (*service, error) {
	dir, err := os.MkdirTemp(os.Getenv("XDG_RUNTIME_DIR"), "sandlot-podman-")
	if err != nil {
		dir, err = os.MkdirTemp("", "sandlot-podman-")
	}
	if err != nil {
		return nil, err
	}
	s := &service{dir: dir, socket: filepath.Join(dir, "podman.sock"), stderr: &tail{}, ended: make(chan struct{})}
	cmd := exec.Command(program, "system", "service", "--time=0", "unix://"+s.socket)
	cmd.Stderr = s.stderr
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { // with these Podman is a client of another service
		return strings.HasPrefix(v, "CONTAINER_HOST=") || strings.HasPrefix(v, "CONTAINER_CONNECTION=")
	})
	cmd.WaitDelay = time.Second // for whatever else has its standard error
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGTERM,
		Setpgid:   true, // the terminal's Ctrl-C is for the caller, who still has containers to remove
	}
	started := make(chan error)
	go func() {
		// Pdeathsig comes when the thread that started the process ends. This one ends with the process, or with all of us.
		goruntime.LockOSThread()
		defer goruntime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(s.ended)
		}
	}()
	if err := <-started; err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	s.process = cmd.Process
	return s, nil
}

func (s *service) url() *url.URL { return &url.URL{Scheme: name + "+unix", Path: s.socket} }

// ready waits until the service answers. It has no way to say so by itself that would not reach its containers as well.
func (s *service) ready(ctx context.Context) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.socket)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ended:
			return fmt.Errorf("podman system service ended: %s", strings.TrimSpace(s.stderr.String()))
		}
	}
}

// stop ends the service and waits for it. Where Podman has no user namespace yet, the service is a child of what was started, which passes signals on but
// loses one that comes with another: so all the group is told. What belongs to containers is in groups of its own.
func (s *service) stop() error {
	s.once.Do(func() {
		s.signal(syscall.SIGTERM)
		select {
		case <-s.ended:
		case <-time.After(10 * time.Second):
			s.signal(syscall.SIGKILL)
			<-s.ended
		}
		s.err = os.RemoveAll(s.dir)
	})
	return s.err
}

func (s *service) signal(sig syscall.Signal) {
	select {
	case <-s.ended: // its number may be another's by now
	default:
		_ = syscall.Kill(-s.process.Pid, sig)
	}
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-4<<10):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
