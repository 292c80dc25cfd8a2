package differ

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// only says which side alone has a capability, and why the other has it not; "" where they agree.
func (p pair) only(c runtime.Capability) string {
	a, b := p.sides[0].info.Capabilities[c], p.sides[1].info.Capabilities[c]
	with, without, lack := p.sides[0].name, p.sides[1].name, b
	if b.OK {
		with, without, lack = without, with, a
	}
	if a.OK == b.OK {
		return ""
	}
	reason := fmt.Sprintf("%s: only %s has it", c, with)
	if lack.Reason != "" {
		reason += fmt.Sprintf(" (%s: %s)", without, lack.Reason)
	}
	return reason
}

// common takes out of a step what only one side is capable of, and counts that. ok says that something of the step is left.
func (p pair) common(step Step, leftOut map[string]int) (_ Step, ok bool) {
	step = clone(step)
	ok = true
	// out says that what needs a capability is to be left out, where it is there.
	out := func(there bool, c runtime.Capability) bool {
		reason := ""
		if there {
			reason = p.only(c)
		}
		if reason != "" {
			leftOut[reason]++
		}
		return reason != ""
	}
	switch {
	case step.Run != nil:
		p.commonRun(&step.Run.Options, out)
	case step.Exec != nil:
		if out(step.Exec.User != "", runtime.CapabilityUser) {
			step.Exec.User = ""
		}
		ok = !out(step.Exec.TTY, runtime.CapabilityTTY)
	case step.Put != nil:
		if out(step.Put.KeepOwner, runtime.CapabilityOwners) {
			step.Put.KeepOwner = false
		}
		if step.Put.KeepOwner {
			p.commonOwners(step.Put, leftOut)
		}
	case step.Build != nil:
		ok = !out(true, runtime.CapabilityBuild)
	case step.Op == OpStop || step.Op == OpStart:
		ok = p.commonType(leftOut, "runtime.Stopper", func(rt runtime.Runtime) bool { _, ok := rt.(runtime.Stopper); return ok })
	case step.Op == OpRemoveImage:
		ok = p.commonType(leftOut, "runtime.ImageRemover", func(rt runtime.Runtime) bool { _, ok := rt.(runtime.ImageRemover); return ok })
	case step.Op == OpRemoveVolume:
		ok = p.commonType(leftOut, "runtime.VolumeRemover", func(rt runtime.Runtime) bool { _, ok := rt.(runtime.VolumeRemover); return ok })
	}
	return step, ok
}

func (p pair) commonRun(o *RunOptions, out func(there bool, c runtime.Capability) bool) {
	if out(o.MemoryBytes > 0, runtime.CapabilityMemoryLimit) {
		o.MemoryBytes = 0
	}
	if out(o.CPUs > 0, runtime.CapabilityCPULimit) {
		o.CPUs = 0
	}
	if out(o.PidsLimit > 0, runtime.CapabilityPidsLimit) {
		o.PidsLimit = 0
	}
	if out(o.ReadOnlyRoot, runtime.CapabilityReadOnlyRoot) {
		o.ReadOnlyRoot = false
	}
	if out(o.User != "", runtime.CapabilityUser) {
		o.User = ""
	}
	if out(len(o.CapDrop) > 0, runtime.CapabilityDropCaps) {
		o.CapDrop = nil
	}
	o.SecurityOpt = slices.DeleteFunc(o.SecurityOpt, func(opt string) bool {
		is := func(prefix string) bool { return len(opt) > len(prefix) && opt[:len(prefix)] == prefix }
		return out(is("no-new-privileges="), runtime.CapabilityNoNewPrivileges) || out(is("seccomp="), runtime.CapabilitySeccomp) ||
			out(is("apparmor="), runtime.CapabilityAppArmor) || out(is("label="), runtime.CapabilitySELinux)
	})
	o.Ports = slices.DeleteFunc(o.Ports, func(port runtime.Port) bool {
		return out(port.Protocol == "udp", runtime.CapabilityPublishUDP) || out(port.Protocol != "udp", runtime.CapabilityPublishTCP)
	})
	if out(o.Network == runtime.NetworkNone, runtime.CapabilityNoNetwork) || out(o.Network != "" && o.Network != runtime.NetworkNone, runtime.CapabilityNetwork) {
		o.Network, o.Ports = "", nil
	}
	o.Mounts = slices.DeleteFunc(o.Mounts, func(m runtime.Mount) bool {
		return out(m.Type == runtime.MountVolume, runtime.CapabilityVolumes) || out(m.Type == runtime.MountBind, runtime.CapabilityBinds) ||
			out(m.Type == runtime.MountTmpfs, runtime.CapabilityTmpfs)
	})
}

// commonOwners leaves the owners of an archive out that only one side's sandboxes have: without root an engine has the user's
// subordinate ids, and no more.
func (p pair) commonOwners(step *PutStep, leftOut map[string]int) {
	least, most := min(p.sides[0].maxID, p.sides[1].maxID), max(p.sides[0].maxID, p.sides[1].maxID)
	for i := range step.Entries {
		e := &step.Entries[i]
		for _, id := range []*int{&e.UID, &e.GID} {
			if *id > least && *id <= most {
				leftOut[fmt.Sprintf("owners above %d: only one side's sandboxes have them", least)]++
				*id = 0
			}
		}
	}
}

func (p pair) commonType(leftOut map[string]int, name string, has func(runtime.Runtime) bool) bool {
	a, b := has(p.sides[0].rt), has(p.sides[1].rt)
	if !a || !b {
		leftOut[fmt.Sprintf("%s: %s has it: %v, %s has it: %v", name, p.sides[0].name, a, p.sides[1].name, b)]++
	}
	return a && b
}

// askIDs finds out which owners the sandboxes of each side have.
func (p pair) askIDs(ctx context.Context) error {
	var errs [2]error
	both(func(i int) {
		s := p.sides[i]
		s.maxID, errs[i] = s.highestID(ctx)
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *side) highestID(ctx context.Context) (int, error) {
	res, err := s.rt.Run(ctx, s.image, runtime.RunOptions{Labels: map[string]string{labelSequence: token()}})
	if err != nil {
		return 0, fmt.Errorf("running a first sandbox on %s: %w", s.name, err)
	}
	var out bytes.Buffer
	_, err = s.rt.Exec(ctx, res.ID, []string{probe, "ids"}, runtime.ExecOptions{Stdout: &out})
	if _, removeErr := s.rt.Remove(context.WithoutCancel(ctx), res.ID, runtime.RemoveOptions{}); err == nil {
		err = removeErr
	}
	var ids answer.IDs
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &ids)
	}
	if err != nil {
		return 0, fmt.Errorf("asking a first sandbox on %s for its owners: %w", s.name, err)
	}
	highest := func(ranges []answer.Range) int {
		most := int64(0)
		for _, r := range ranges {
			most = max(most, r.First+r.Count-1)
		}
		return int(most)
	}
	return min(highest(ids.UIDs), highest(ids.GIDs)), nil
}
