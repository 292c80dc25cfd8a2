package engine

import (
	"context"
	"errors"
	"regexp"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/sandlot-dev/sandlot/runtime"
)

// sweepAge is the least age of what is swept: a volume has no container for an instant when the first one that uses it is created.
const sweepAge = time.Minute

// guestVolumePattern is the names of guests' volumes, and of nothing that anybody else would name so.
var guestVolumePattern = regexp.MustCompile(`^` + guestVolumePrefix + `[0-9a-f]{12}$`)

// Sweep implements runtime.Sweeper: containers that were to fill a guest's volume and were left behind, then volumes of other guests
// that no container uses. Another version that still runs fills its volume anew, as after any removal of it.
func (e *engine) Sweep(ctx context.Context, opts runtime.SweepOptions) (runtime.SweepResult, error) {
	return call(ctx, e, "sweep", "", func(ctx context.Context) (runtime.SweepResult, error) {
		var result runtime.SweepResult
		info, err := e.info(ctx)
		if err != nil {
			return result, err
		}
		version, err := e.guest.version(info.Arch)
		if err != nil {
			return result, err
		}
		own := (&delivery{version: version}).volume()
		age := max(opts.OlderThan, sweepAge)
		old := func(created time.Time) bool { return !created.IsZero() && time.Since(created) >= age }

		var errs *multierror.Error
		remove := func(name string, list *[]string, do func() error) {
			if !opts.DryRun {
				err := do()
				if errors.Is(err, runtime.ErrNotFound) || errors.Is(err, runtime.ErrInUse) {
					return // somebody else was faster
				}
				if err != nil {
					errs = multierror.Append(errs, err)
					return
				}
			}
			*list = append(*list, name)
		}
		fillers, err := e.api.List(ctx, map[string]string{labelFiller: "1"})
		if err != nil {
			return result, err
		}
		for _, c := range fillers {
			if old(c.Created) && guestVolumePattern.MatchString(c.Name) {
				remove(c.Name, &result.Containers, func() error { return e.api.Delete(ctx, c.ID) })
			}
		}
		lister, can := e.api.(VolumeLister)
		if !can || !info.Capabilities.Has(runtime.CapabilityVolumes) {
			return result, errs.ErrorOrNil()
		}
		volumes, err := lister.UnusedVolumes(ctx, guestVolumePrefix)
		if err != nil {
			return result, multierror.Append(errs, err).ErrorOrNil()
		}
		for _, v := range volumes {
			if v.Name != own && old(v.Created) && guestVolumePattern.MatchString(v.Name) {
				remove(v.Name, &result.Volumes, func() error { return e.api.RemoveVolume(ctx, v.Name) })
			}
		}
		return result, errs.ErrorOrNil()
	})
}
