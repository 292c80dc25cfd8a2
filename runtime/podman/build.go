package podman

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/sandlot-dev/sandlot/runtime"
)

// logTail is how much of a failed build's log its error carries.
const logTail = 4 << 10

// The last line of a build that succeeded.
var builtID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{64}\n?$`)

// badBuild are words of builds that could not begin, because of what the caller gave.
var badBuild = []string{
	"was not found in the provided dockerfile", // the target
	"no such file or directory", "unexpected eof", "invalid tar header", "not a tar", "magic", "flate", "gzip",
	"no from statement found", "no build stage", "requires a from instruction", "dockerfile parse error", "unknown instruction", "file with no instructions", "no contents in",
	"unable to process", "must be lowercase",
}

// Build runs the Dockerfile's steps in networks of their own: without nsoptions Podman runs them in the host's.
func (a *api) Build(ctx context.Context, buildContext io.Reader, opts runtime.BuildOptions) (string, error) {
	file := path.Clean(opts.Dockerfile)
	if !fs.ValidPath(file) {
		return "", &runtime.Error{
			Kind: runtime.ErrInvalid, Message: "the Dockerfile " + opts.Dockerfile + " is outside the build context",
			Hint: "name it relative to the build context",
		}
	}
	query := url.Values{
		// With "./" it can be neither JSON nor an address, which this option may be as well.
		"dockerfile": {"./" + file}, "target": {opts.Target},
		"outputformat": {"application/vnd.docker.distribution.manifest.v2+json"}, "identitylabel": {"false"},
		"layers": {"true"}, "rm": {"true"}, "forcerm": {"true"}, "pullpolicy": {"missing"}, "isolation": {"oci"},
		"nsoptions": {`[{"Name":"network","Host":false,"Path":""}]`}, "networkmode": {"0"},
	}
	if opts.Tag != "" {
		query.Set("t", opts.Tag)
	}
	if opts.NoCache {
		query.Set("nocache", "true")
	}
	if len(opts.Args) > 0 {
		args, err := json.Marshal(opts.Args)
		if err != nil {
			return "", err
		}
		query.Set("buildargs", string(args))
	}
	source := &guardedReader{r: buildContext}
	defer source.ended.Store(true)
	resp, err := a.client.do(ctx, call{
		method: http.MethodPost, path: endpoint("build"), query: query,
		header: http.Header{"Content-Type": {"application/x-tar"}}, body: source,
	})
	if err != nil {
		if cause := source.err.Load(); cause != nil { // the caller's own reader failed
			return "", &runtime.Error{Message: "the build context could not be read", Err: *cause}
		}
		return "", failure(err, runtime.ErrInvalid, badBuild...)
	}
	defer resp.Body.Close()
	return a.follow(ctx, resp.Body, opts.Log)
}

// follow reads a build's log to its end, which is an image's id or an error.
func (a *api) follow(ctx context.Context, body io.Reader, log io.Writer) (string, error) {
	var tail []byte
	last := ""
	decoder := json.NewDecoder(body)
	for {
		var line struct{ Stream, Error string }
		err := decoder.Decode(&line)
		if err == io.EOF && builtID.MatchString(last) {
			return image{ID: strings.TrimSpace(last)}.fullID(), nil
		}
		if err != nil {
			return "", streamFailure(ctx, err)
		}
		if line.Error != "" {
			return "", buildFailure(strings.TrimSpace(line.Error), string(tail))
		}
		if line.Stream == "" {
			continue
		}
		last = line.Stream
		tail = append(tail, line.Stream...)
		tail = tail[max(0, len(tail)-logTail):]
		if log != nil {
			if _, err := io.WriteString(log, line.Stream); err != nil {
				return "", &runtime.Error{Message: "the build's log could not be written", Err: err}
			}
		}
	}
}

// buildFailure tells a build that could not begin from one that failed on the way, whose log has a step.
func buildFailure(message, log string) error {
	e := &runtime.Error{Kind: runtime.ErrBuildFailed, Message: message, Log: log}
	if !strings.Contains(log, "STEP ") {
		words := strings.ToLower(message)
		for _, text := range badBuild {
			if strings.Contains(words, text) {
				e.Kind = runtime.ErrInvalid
			}
		}
	}
	return e
}

// A guardedReader is the caller's reader for as long as the call lasts: the HTTP client may go on reading a little longer.
type guardedReader struct {
	r     io.Reader
	ended atomic.Bool
	err   atomic.Pointer[error] // of r, other than io.EOF
}

func (g *guardedReader) Read(p []byte) (int, error) {
	if g.ended.Load() {
		return 0, errors.New("the call has ended")
	}
	n, err := g.r.Read(p)
	if err != nil && err != io.EOF {
		g.err.Store(&err)
	}
	return n, err
}
