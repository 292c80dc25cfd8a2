package engine

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

const (
	oldGuest  = guestVolumePrefix + "0123456789ab"
	newGuest  = guestVolumePrefix + "1123456789ab"
	ownGuest  = guestVolumePrefix + "2123456789ab"
	usedGuest = guestVolumePrefix + "3123456789ab"
	ageless   = guestVolumePrefix + "4123456789ab"
)

// swept is an engine with things to sweep and things that look like them.
func swept(t *testing.T) (*fake, *engine) {
	f := newFake()
	f.made = map[string]time.Time{}
	hour := time.Now().Add(-time.Hour)
	for name, made := range map[string]time.Time{
		oldGuest: hour, newGuest: time.Now(), ownGuest: hour, usedGuest: hour, ageless: {},
		"my-" + oldGuest: hour, guestVolumePrefix + "data": hour, oldGuest + "0": hour,
	} {
		f.volumes[name], f.made[name] = map[string][]byte{}, made
	}
	stopped := f.add("stopped", ours, hour)
	f.containers[stopped].State = runtime.StateExited
	f.containers[stopped].spec.Mounts = []runtime.Mount{{Type: runtime.MountVolume, Source: usedGuest}}
	f.add(oldGuest, filler, hour)
	f.add(newGuest, filler, time.Now())
	f.add(ageless, foreign, hour) // not Sandlot's
	e := f.open(t)
	e.guest.version = func(string) (string, error) { return strings.TrimPrefix(ownGuest, guestVolumePrefix), nil }
	return f, e
}

func (f *fake) left() []string {
	return slices.Concat(f.names(), slices.Sorted(maps.Keys(f.volumes)))
}

func TestSweep(t *testing.T) {
	f, e := swept(t)
	before := f.left()
	for _, dry := range []bool{true, false} {
		got, err := e.Sweep(t.Context(), runtime.SweepOptions{DryRun: dry})
		if err != nil || !slices.Equal(got.Volumes, []string{oldGuest}) || !slices.Equal(got.Containers, []string{oldGuest}) {
			t.Errorf("swept %+v, %v", got, err)
		}
		if dry && !slices.Equal(f.left(), before) {
			t.Errorf("the dry run left %q of %q", f.left(), before)
		}
	}
	want := slices.DeleteFunc(before, func(name string) bool { return name == oldGuest })
	if got := f.left(); !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
	if got, err := e.Sweep(t.Context(), runtime.SweepOptions{}); err != nil || len(got.Volumes)+len(got.Containers) > 0 {
		t.Errorf("swept %+v again, %v", got, err)
	}
}

func TestSweepOlderThan(t *testing.T) {
	_, e := swept(t)
	if got, err := e.Sweep(t.Context(), runtime.SweepOptions{OlderThan: 2 * time.Hour}); err != nil || len(got.Volumes)+len(got.Containers) > 0 {
		t.Errorf("swept %+v, %v", got, err)
	}
}

func TestSweepFails(t *testing.T) {
	away := errors.New("away")
	for name, test := range map[string]struct {
		fail    func(f *fake)
		want    error
		volumes int
	}{
		"used meanwhile":     {func(f *fake) { f.failRemoveVolume = fails(runtime.ErrInUse, "") }, nil, 0},
		"gone meanwhile":     {func(f *fake) { f.failDelete = fails(runtime.ErrNotFound, "") }, nil, 1},
		"a filler stays":     {func(f *fake) { f.failDelete = func() error { return away } }, away, 1},
		"a volume stays":     {func(f *fake) { f.failRemoveVolume = func() error { return away } }, away, 0},
		"no list of volumes": {func(f *fake) { f.failVolumes = func() error { return away } }, away, 0},
		"no volumes at all":  {func(f *fake) { delete(f.caps, runtime.CapabilityVolumes) }, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f, e := swept(t)
			test.fail(f)
			got, err := e.Sweep(t.Context(), runtime.SweepOptions{})
			if len(got.Volumes) != test.volumes {
				t.Errorf("swept %+v", got)
			}
			check(t, err, test.want)
		})
	}
}

func TestOwnerAndLease(t *testing.T) {
	e := newFake().open(t)
	end := time.Date(2030, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	owned, err := e.Run(t.Context(), image, runtime.RunOptions{Owner: "ü=1", LeaseEnd: end})
	check(t, err, nil)
	c, err := e.Inspect(t.Context(), owned.ID, runtime.InspectOptions{})
	if err != nil || c.Owner != "ü=1" || !c.LeaseEnd.Equal(end.Truncate(time.Second)) || len(c.Labels) > 0 {
		t.Errorf("%+v, %v", c, err)
	}
	nobodys, err := e.Run(t.Context(), image, runtime.RunOptions{})
	check(t, err, nil)
	if c, err := e.Inspect(t.Context(), nobodys.ID, runtime.InspectOptions{}); err != nil || c.Owner != "" || !c.LeaseEnd.IsZero() {
		t.Errorf("%+v, %v", c, err)
	}
	for _, owner := range []string{"a\nb", strings.Repeat("x", runtime.MaxOwner+1)} {
		_, err := e.Run(t.Context(), image, runtime.RunOptions{Owner: owner})
		check(t, err, runtime.ErrInvalid)
	}
}
