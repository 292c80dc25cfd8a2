package runtime

import "io"

// BuildOptions are the options of [Runtime].Build.
type BuildOptions struct {
	// Tag names the image, fully qualified ("localhost/project/app:1"), else ErrInvalid. Empty: the image has only its id.
	Tag string
	// Dockerfile is its path in the context. Empty: "Dockerfile", else "Containerfile".
	Dockerfile string
	// Args are values for the Dockerfile's ARG instructions.
	Args map[string]string
	// Target is the stage to build. Empty: the last. One that is not there is ErrInvalid.
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
