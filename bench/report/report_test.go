package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func series(contender, engine string, role Role, samples ...float64) *Series {
	return &Series{Contender: contender, Engine: engine, Role: role, Samples: samples}
}

func sample() *Run {
	return &Run{
		Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Command: "bench", Took: 12,
		Machine: Machine{CPU: "A processor", CPUs: 2, Memory: 8 << 30, System: "Debian", Kernel: "6.1"},
		Engines: []Engine{{Name: "docker", Version: "20.10"}},
		Measurements: []*Measurement{
			{ID: "exec/1", Group: "exec", Title: "one", Unit: Seconds, Series: []*Series{
				series("fork+exec", "", Host, 0.001, 0.001, 0.002),
				series("Docker SDK", "docker", API, 0.05, 0.04, 0.06),
				series("Sandlot", "docker", "", 0.002, 0.002, 0.002),
				{Contender: "none", Engine: "docker", Problem: "it cannot"},
			}},
			{ID: "exec/64/rate", Group: "exec", Title: "many", Unit: PerSecond, Series: []*Series{
				series("fork+exec", "", Host, 1000), series("Docker SDK", "docker", API, 20), series("Sandlot", "docker", "", 500),
			}},
		},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTable(t *testing.T) {
	got := table(sample().Measurements[0])
	for _, want := range []string{
		"| Docker SDK | docker | **50.0 ms** |", "| 50.0 | 1.00 |", // to the host, to the engine's API
		"| Sandlot | docker | **2.00 ms** |", "| 2.00 | 1/25.0 |",
		"- Not none (docker): it cannot.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "NaN") || strings.Contains(got, "| none") {
		t.Errorf("what was not measured has a row:\n%s", got)
	}
}

func TestP99IsTheWorseEnd(t *testing.T) {
	s := series("a", "", "")
	for i := range 1000 {
		s.Samples = append(s.Samples, float64(i+1))
	}
	if got := s.P99(Seconds); got < 985 || got > 995 {
		t.Errorf("p99 of times 1 to 1000 is %v", got)
	}
	if got := s.P99(PerSecond); got < 5 || got > 15 {
		t.Errorf("p99 of rates 1 to 1000 is %v", got)
	}
}

func TestFormatValue(t *testing.T) {
	for _, c := range []struct {
		x    float64
		u    Unit
		want string
	}{
		{0.0000123, Seconds, "12.3 µs"}, {0.0456, Seconds, "45.6 ms"}, {1.5, Seconds, "1.50 s"}, {1234, PerSecond, "1234/s"},
		{123456789, BytesPerSecond, "123 MB/s"}, {9_990_000, Bytes, "9.99 MB"}, {-2500, Bytes, "-2.50 kB"},
	} {
		if got := formatValue(c.x, c.u); got != c.want {
			t.Errorf("%v %s is %q, not %q", c.x, c.u, got, c.want)
		}
	}
}

func TestChart(t *testing.T) {
	for name, r := range map[string]*Run{"sample": sample(), "empty": {}} {
		svg, err := r.chart()
		must(t, err)
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			must(t, err)
		}
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("%s: not a number in\n%s", name, svg)
		}
	}
	d := sample().draw()
	var names []string
	for _, r := range d.Rows {
		names = append(names, r.Name)
	}
	if want := []string{"fork+exec", "Sandlot", "Docker SDK"}; !slices.Equal(names, want) {
		t.Errorf("rows are %v, not the fastest first", names)
	}
	if tenth := d.Latency.at(0.01) - d.Latency.at(0.001); tenth != d.Latency.at(0.1)-d.Latency.at(0.01) || tenth <= 0 {
		t.Errorf("the axis is not logarithmic: %v", tenth)
	}
}

func TestFilesAreWhatWasWritten(t *testing.T) {
	dir := t.TempDir()
	must(t, sample().Write(filepath.Join(dir, Data)))
	again, err := Read(filepath.Join(dir, Data))
	must(t, err)
	must(t, again.Publish(dir))
	want, err := sample().page()
	must(t, err)
	got, err := os.ReadFile(filepath.Join(dir, page))
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("the page of what was read is another:\n%s", got)
	}
}

// TestDocs holds the page and the chart in docs to the data beside them: nobody edits them.
func TestDocs(t *testing.T) {
	docs := filepath.Join("..", "..", "docs")
	r, err := Read(filepath.Join(docs, Data))
	must(t, err)
	dir := t.TempDir()
	must(t, r.Publish(dir))
	for _, name := range []string{page, chart} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		got, err := os.ReadFile(filepath.Join(docs, name))
		must(t, err)
		if !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not made of docs/%s: run make bench-report", name, Data)
		}
	}
}
