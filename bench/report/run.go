// Package report holds what a run of the benchmarks measured, and makes a page and a chart of it.
package report

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// A Run is one run of the benchmarks, as it is kept in a file.
type Run struct {
	Date         time.Time      `json:"date"`
	Command      string         `json:"command"` // that was run
	Took         float64        `json:"took"`    // seconds
	Machine      Machine        `json:"machine"`
	Engines      []Engine       `json:"engines"`
	Versions     []Version      `json:"versions"`
	Measurements []*Measurement `json:"measurements"`
}

// Machine is where a run took place.
type Machine struct {
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Memory int64  `json:"memory"` // bytes
	System string `json:"system"`
	Kernel string `json:"kernel"`
	Load   string `json:"load"` // the load average before the run: how quiet it was
}

// Engine is an engine that was measured.
type Engine struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	APIVersion string `json:"apiVersion"`
	Storage    string `json:"storage"`
	Cgroups    int    `json:"cgroups"`
	Rootless   bool   `json:"rootless"`
}

// Version is that of a program or library that took part.
type Version struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Unit is what samples count.
type Unit string

// The units. Of a rate more is better, of everything else less.
const (
	Seconds        Unit = "s"
	Bytes          Unit = "B"
	BytesPerSecond Unit = "B/s"
	PerSecond      Unit = "/s"
)

func (u Unit) moreIsBetter() bool { return u == BytesPerSecond || u == PerSecond }

// A Measurement is one thing that was measured of several contenders.
type Measurement struct {
	ID     string    `json:"id"`    // "exec/64/rate"
	Group  string    `json:"group"` // "exec"
	Title  string    `json:"title"`
	Unit   Unit      `json:"unit"`
	Series []*Series `json:"series"`
}

// Role is what others are compared with.
type Role string

// The roles. Most contenders have none.
const (
	Host Role = "host" // the host itself, without any sandbox
	API  Role = "api"  // the plain client of an engine's API: the baseline of that engine's contenders
)

// A Series is what was measured of one contender.
type Series struct {
	Contender string  `json:"contender"`
	Engine    string  `json:"engine,omitempty"` // empty for the host
	Role      Role    `json:"role,omitempty"`
	Samples   Samples `json:"samples,omitempty"`
	// Problem is why there are no samples, or no more of them.
	Problem string `json:"problem,omitempty"`
	// Failed says that the problem is a failure, not something that the contender cannot do.
	Failed bool `json:"failed,omitempty"`
}

// Samples are written with four digits: more would be noise.
type Samples []float64

// MarshalJSON implements json.Marshaler.
func (s Samples) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for i, x := range s {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendFloat(out, x, 'g', 4, 64)
	}
	return append(out, ']'), nil
}

// Of is the series of a contender, made if there is none.
func (m *Measurement) Of(contender, engine string, role Role) *Series {
	for _, s := range m.Series {
		if s.Contender == contender && s.Engine == engine {
			return s
		}
	}
	s := &Series{Contender: contender, Engine: engine, Role: role}
	m.Series = append(m.Series, s)
	return s
}

// host is the series of the host, api that of an engine's plain client. Nil where there is none.
func (m *Measurement) host() *Series {
	return m.find(func(s *Series) bool { return s.Role == Host })
}

func (m *Measurement) api(engine string) *Series {
	return m.find(func(s *Series) bool { return s.Role == API && s.Engine == engine })
}

func (m *Measurement) find(is func(*Series) bool) *Series {
	if i := slices.IndexFunc(m.Series, is); i >= 0 && len(m.Series[i].Samples) > 0 {
		return m.Series[i]
	}
	return nil
}

// Measurement finds one by its ID. Nil where there is none.
func (r *Run) Measurement(id string) *Measurement {
	for _, m := range r.Measurements {
		if m.ID == id {
			return m
		}
	}
	return nil
}

// Failures names what failed.
func (r *Run) Failures() []string {
	var out []string
	for _, m := range r.Measurements {
		for _, s := range m.Series {
			if s.Failed {
				out = append(out, m.ID+": "+s.Name()+": "+s.Problem)
			}
		}
	}
	return out
}

// Name is the contender's name with its engine's.
func (s *Series) Name() string {
	if s.Engine == "" {
		return s.Contender
	}
	return s.Contender + " (" + s.Engine + ")"
}

// Read reads a run from a file.
func Read(name string) (*Run, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var r Run
	return &r, json.Unmarshal(data, &r)
}

// Write writes a run into a file, with all samples of a series in one line.
func (r *Run) Write(name string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	data = numbers.ReplaceAllFunc(data, func(list []byte) []byte { return bytes.Join(bytes.Fields(list), []byte(" ")) })
	return os.WriteFile(name, append(data, '\n'), 0o644)
}

// numbers is a list of them.
var numbers = regexp.MustCompile(`\[[0-9eE.,+\s-]+\]`)
