package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Patience of the suite's own steps. They are watchdogs: none of them says what a runtime must do how fast.
const (
	prepareTimeout = 3 * time.Minute
	cleanupTimeout = time.Minute
	// hungGrace is how long after its context a case may still take to return.
	hungGrace = 20 * time.Second
)

// A suite is the state that all cases of a Check share.
type suite struct {
	cfg   Config
	rt    runtime.Runtime
	info  runtime.Info
	image string
	slots chan struct{}
	logMu sync.Mutex
	token string // marks the sandboxes that cases share

	spareMu sync.Mutex
	spare   []string // such sandboxes that no case has
}

func open(ctx context.Context, cfg Config) (_ *suite, err error) {
	if cfg.Open == nil {
		return nil, errors.New("conformance: Config.Open is missing")
	}
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	s := &suite{cfg: cfg.withDefaults(), image: cfg.Image, token: token()}
	s.slots = make(chan struct{}, s.cfg.Parallel)
	if s.rt, err = cfg.Open(ctx); err != nil {
		return nil, fmt.Errorf("opening the runtime: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.rt.Close())
		}
	}()
	if s.info, err = s.rt.Info(ctx); err != nil {
		return nil, fmt.Errorf("asking the runtime what it is: %w", err)
	}
	if s.image != "" {
		return s, nil
	}
	if err := s.info.Capabilities.Check(runtime.CapabilityBuild, "build", "the suite's image"); err != nil {
		return nil, fmt.Errorf("%w; give Config.Image where the engine has it from elsewhere", err)
	}
	content, err := ImageContext(s.info.Arch)
	if err != nil {
		return nil, err
	}
	log := &tail{limit: 4096}
	tag := "localhost/sandlot-conformance/probe:" + token()
	if _, err := s.rt.Build(ctx, content, runtime.BuildOptions{Tag: tag, Log: log}); err != nil {
		return nil, fmt.Errorf("building the suite's image: %w\n%s", err, log)
	}
	s.image = tag
	return s, nil
}

func (s *suite) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	err := s.removeShared(ctx)
	if remover, ok := s.rt.(runtime.ImageRemover); ok && s.cfg.Image == "" {
		if _, e := remover.RemoveImage(ctx, s.image, runtime.RemoveImageOptions{}); e != nil {
			err = errors.Join(err, fmt.Errorf("removing the suite's image: %w", e))
		}
	}
	return errors.Join(err, s.rt.Close())
}

// removeShared removes the sandboxes that cases shared. Any that no case gave back was left by a Run that failed.
func (s *suite) removeShared(ctx context.Context) error {
	all, err := s.rt.List(ctx, runtime.ListOptions{Labels: map[string]string{labelCase: s.token}})
	if err != nil {
		return fmt.Errorf("listing the sandboxes that cases shared: %w", err)
	}
	for _, c := range all {
		if !slices.Contains(s.spare, c.ID) {
			err = errors.Join(err, fmt.Errorf("a sandbox that cases were to share is left behind: %s (%s, %s)", c.ID, c.Name, c.State))
		}
		if e := s.remove(ctx, c.ID); e != nil {
			err = errors.Join(err, fmt.Errorf("removing a sandbox that cases shared: %w", e))
		}
	}
	return err
}

// remove removes a sandbox, which may be gone already.
func (s *suite) remove(ctx context.Context, id string) error {
	_, err := s.rt.Remove(ctx, id, runtime.RemoveOptions{})
	if errors.Is(err, runtime.ErrNotFound) {
		return nil
	}
	return err
}

func (s *suite) takeSpare() (id string) {
	s.spareMu.Lock()
	defer s.spareMu.Unlock()
	if n := len(s.spare); n > 0 {
		id, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	return id
}

func (s *suite) addSpare(id string) {
	s.spareMu.Lock()
	defer s.spareMu.Unlock()
	s.spare = append(s.spare, id)
}

// run runs one case under its watchdog.
func (s *suite) run(ctx context.Context, c Case) Result {
	start := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.CaseTimeout, fmt.Errorf("the case took more than %v, its Config.CaseTimeout (--case-timeout)", s.cfg.CaseTimeout))
	defer cancel()
	t := &T{suite: s, c: c, ctx: ctx, token: token()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.body()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		select {
		case <-done:
		case <-time.After(hungGrace):
			t.hung(context.Cause(ctx))
		}
	}
	t.cleanUp()
	return t.result(time.Since(start))
}

// stacks are those of all goroutines, for the message about a case that hangs.
func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:goruntime.Stack(buf, true)])
}

func token() string { return strings.ToLower(rand.Text()[:12]) }

// A tail keeps the end of what is written to it.
type tail struct {
	mu    sync.Mutex
	limit int
	buf   []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if extra := len(t.buf) - t.limit; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

var _ io.Writer = (*tail)(nil)
