package report

import (
	"bytes"
	_ "embed"
	"math"
	"slices"
	"strings"
	"text/template"
)

//go:embed chart.svg.tmpl
var chartText string

// What the chart shows: on the left the time of one command, on the right how many there are in a second.
const (
	chartLatency = "exec/1"
	chartRate    = "exec/64/rate"
)

// The chart's measures in pixels.
const (
	chartWidth = 980
	labelWidth = 210
	panelGap   = 60
	rightWidth = 250
	rowHeight  = 34
	topHeight  = 92
	bottom     = 40
)

// drawing is what the template gets.
type drawing struct {
	Width, Height, Bottom int
	Rows                  []row
	Latency, Rate         axis
	Title, Subtitle       string
}

// row is a contender.
type row struct {
	Y                int
	Name, Engine     string
	Class            string // host, sandlot or peer
	Ticks            []float64
	Median, P99      float64 // where they are
	Text             string
	Bar              float64 // how long it is
	BarText          string
	TextX, TextRateX float64
}

// axis is a logarithmic one.
type axis struct {
	Left, Right float64
	low, high   float64
	Marks       []mark
}

type mark struct {
	X    float64
	Text string
}

// newAxis is one from a power of ten to another, with all values between.
func newAxis(left, right float64, values []float64, u Unit) axis {
	a := axis{Left: left, Right: right, high: 1}
	if len(values) > 0 {
		a.low, a.high = math.Floor(math.Log10(slices.Min(values))), math.Ceil(math.Log10(slices.Max(values)))
	}
	if a.low == a.high { // all of them a power of ten
		a.high++
	}
	for e := a.low; e <= a.high; e++ {
		v := math.Pow(10, e)
		a.Marks = append(a.Marks, mark{a.at(v), strings.Replace(formatMark(v, u), ".00", "", 1)})
	}
	return a
}

// at is where a value is.
func (a axis) at(v float64) float64 {
	share := (math.Log10(v) - a.low) / (a.high - a.low)
	return math.Round(10*(a.Left+(a.Right-a.Left)*min(max(share, 0), 1))) / 10
}

// formatMark writes a power of ten.
func formatMark(v float64, u Unit) string {
	text := formatValue(v, u)
	return strings.NewReplacer("10.0 ", "10 ", "10.0/", "10/").Replace(text)
}

// chart draws the run.
func (r *Run) chart() ([]byte, error) {
	d := r.draw()
	t, err := template.New("chart").Parse(chartText)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, d); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (r *Run) draw() drawing {
	d := drawing{
		Width: chartWidth, Title: "What a command in a sandbox costs",
		Subtitle: "Running true in a container that is there already: " + r.engineNames(),
	}
	var shown []*Series
	var times, rates []float64
	rateOf := func(s *Series) *Series {
		m := r.Measurement(chartRate)
		if m == nil {
			return nil
		}
		return m.find(func(x *Series) bool { return x.Contender == s.Contender && x.Engine == s.Engine })
	}
	if m := r.Measurement(chartLatency); m != nil {
		for _, s := range m.Series {
			if len(s.Samples) > 0 {
				shown = append(shown, s)
				times = append(times, s.Samples...)
			}
			if rate := rateOf(s); rate != nil {
				rates = append(rates, rate.Median())
			}
		}
	}
	slices.SortStableFunc(shown, func(a, b *Series) int {
		if a.Median() < b.Median() {
			return -1
		}
		return 1
	})
	split := float64(chartWidth - rightWidth - panelGap)
	d.Latency = newAxis(labelWidth, split-70, times, Seconds)
	d.Rate = newAxis(split+panelGap-20, chartWidth-80, append(rates, 1), PerSecond)
	for i, s := range shown {
		row := row{
			Y: topHeight + i*rowHeight, Name: s.Contender, Engine: s.Engine, Class: class(s),
			Median: d.Latency.at(s.Median()), P99: d.Latency.at(s.P99(Seconds)), Text: formatValue(s.Median(), Seconds),
		}
		for _, v := range s.Samples {
			row.Ticks = append(row.Ticks, d.Latency.at(v))
		}
		row.TextX = slices.Max(row.Ticks) + 12
		if rate := rateOf(s); rate != nil {
			row.Bar = d.Rate.at(rate.Median()) - d.Rate.Left
			row.BarText = formatValue(rate.Median(), PerSecond)
		}
		row.TextRateX = d.Rate.Left + row.Bar + 8
		d.Rows = append(d.Rows, row)
	}
	d.Bottom = topHeight + len(shown)*rowHeight
	d.Height = d.Bottom + bottom
	return d
}

func (r *Run) engineNames() string {
	var names []string
	for _, e := range r.Engines {
		names = append(names, e.Name+" "+e.Version)
	}
	return strings.Join(names, ", ")
}

func class(s *Series) string {
	switch {
	case s.Role == Host:
		return "host"
	case strings.HasPrefix(s.Contender, "Sandlot"):
		return "sandlot"
	}
	return "peer"
}
