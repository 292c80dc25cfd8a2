package podman

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// logTail is how much of a failed build's log its error carries.
const logTail = 4 << 10

// The last line of a build that succeeded.
var builtID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{64}\n?$`)

// noTarget are words of builds whose target there is not, the second ones where the Dockerfile has no stage at all.
var noTarget = []string{"was not found in the provided dockerfile", "requires a from instruction"}

// killedStep is what Podman before 4.6 says when it has killed a step by itself: it asks the kernel to end the step with the thread that started
// it, and threads of a busy service end (https://github.com/containers/podman/issues/17918). A step that ran out of memory reads otherwise.
const killedStep = "while running runtime: signal: killed"

// lostCache is how Podman's words begin when an image that it looked at for its cache was just being removed.
const lostCache = "checking if cached image exists from a previous build"

// buildTries is how many builds in a row may be lost that way. What was built before is in the cache.
const buildTries = 4

// Build builds an image, again where Podman itself lost the build.
func (a *api) Build(ctx context.Context, buildContext io.ReadSeeker, opts runtime.BuildOptions) (string, error) {
	for try := 1; ; try++ {
		id, err := a.buildOnce(ctx, io.NopCloser(buildContext), opts)
		var failed *runtime.Error
		if try == buildTries || !errors.As(err, &failed) || !strings.HasSuffix(failed.Message, killedStep) && !strings.HasPrefix(failed.Message, lostCache) {
			return id, err
		}
		if _, err := buildContext.Seek(0, io.SeekStart); err != nil {
			return "", &runtime.Error{Message: "reading the build context again", Err: err}
		}
		if opts.Log != nil {
			if _, err := io.WriteString(opts.Log, "--> Podman lost this step by itself; building again\n"); err != nil {
				return "", logFailure(err)
			}
		}
	}
}

// buildOnce runs the Dockerfile's steps in networks of their own: without nsoptions Podman runs them in the host's.
func (a *api) buildOnce(ctx context.Context, buildContext io.Reader, opts runtime.BuildOptions) (string, error) {
	query := url.Values{
		// With "./" it can be neither JSON nor an address, which this option may be as well.
		"dockerfile": {"./" + opts.Dockerfile}, "target": {opts.Target},
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
	resp, err := a.client.do(ctx, call{
		method: http.MethodPost, path: endpoint("build"), query: query,
		header: http.Header{"Content-Type": {"application/x-tar"}}, body: buildContext,
	})
	if err != nil {
		if opts.Target == "" {
			return "", failure(err, runtime.ErrInvalid)
		}
		return "", failure(err, runtime.ErrInvalid, noTarget...)
	}
	defer resp.Body.Close()
	return a.follow(ctx, resp.Body, opts.Log, opts.Target)
}

// follow reads a build's log to its end, which is an image's id or an error.
func (a *api) follow(ctx context.Context, body io.Reader, log io.Writer, target string) (string, error) {
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
			return "", buildFailure(strings.TrimSpace(line.Error), string(tail), target)
		}
		if line.Stream == "" {
			continue
		}
		last = line.Stream
		tail = append(tail, line.Stream...)
		tail = tail[max(0, len(tail)-logTail):]
		if log != nil {
			if _, err := io.WriteString(log, line.Stream); err != nil {
				return "", logFailure(err)
			}
		}
	}
}

func logFailure(err error) error {
	return &runtime.Error{Message: "the build's log could not be written", Err: err}
}

// buildFailure tells a build that could not begin, because of what the caller gave, from one that failed on the way, whose log has a step.
func buildFailure(message, log, target string) error {
	if target != "" && !strings.Contains(log, "STEP ") {
		words := strings.ToLower(message)
		if slices.ContainsFunc(noTarget, func(text string) bool { return strings.Contains(words, text) }) {
			return &runtime.Error{Kind: runtime.ErrInvalid, Message: message, Hint: "name a stage of the Dockerfile"}
		}
	}
	e := &runtime.Error{Kind: runtime.ErrBuildFailed, Message: message, Log: log}
	if log == "" {
		e.Log = message // which is all that Podman says of a Dockerfile that it does not understand
	}
	return e
}
