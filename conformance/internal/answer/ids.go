package answer

// IDs are the users and groups that a user namespace has.
type IDs struct {
	UIDs []Range `json:"uids"`
	GIDs []Range `json:"gids"`
}

// Range is Count numbers from First on.
type Range struct {
	First int64 `json:"first"`
	Count int64 `json:"count"`
}
