package runtime

import (
	"io"
	"time"
)

// BuildOptions are the options of [Runtime].Build.
type BuildOptions struct {
	// Tag names the image, fully qualified ("localhost/project/app:1"), else ErrInvalid. Empty: the image has only its id.
	Tag string
	// Dockerfile is its path in the context. Empty: "Dockerfile", else "Containerfile".
	Dockerfile string
	// Args are values for the Dockerfile's ARG instructions.
	Args map[string]string
	// Target is the name of the stage to build. Empty: the last. One that is not there, and a number, is ErrInvalid.
	Target string
	// NoCache builds every step anew.
	NoCache bool
	// Log gets the build's log as it comes. Nil discards.
	Log io.Writer
}

// BuildResult is the result of [Runtime].Build.
type BuildResult struct {
	// ImageID can be given to Run. It is the engine's own id, with "sha256:".
	ImageID string
}

// PullOptions are the options of [Puller].Pull.
type PullOptions struct {
	// Progress gets lines about the progress, for people. Nil discards.
	Progress io.Writer
	// Username and Password are for the registry. Empty: anonymous.
	Username, Password string
}

// PullResult is the result of [Puller].Pull.
type PullResult struct{ ImageID string }

// RemoveImageOptions are the options of [ImageRemover].RemoveImage.
type RemoveImageOptions struct{}

// RemoveImageResult is the result of [ImageRemover].RemoveImage.
type RemoveImageResult struct{}

// RemoveVolumeOptions are the options of [VolumeRemover].RemoveVolume.
type RemoveVolumeOptions struct{}

// RemoveVolumeResult is the result of [VolumeRemover].RemoveVolume.
type RemoveVolumeResult struct{}

// SweepOptions are the options of [Sweeper].Sweep.
type SweepOptions struct {
	// OlderThan spares what was made in the last so long, by the engine's clock. Less than a minute counts as a minute.
	OlderThan time.Duration
	// DryRun removes nothing. The result names what would be removed.
	DryRun bool
}

// SweepResult is the result of [Sweeper].Sweep.
type SweepResult struct {
	// Volumes are the names of the volumes removed, Containers those of the containers, none of which was a sandbox.
	Volumes    []string `json:"volumes,omitempty"`
	Containers []string `json:"containers,omitempty"`
}
