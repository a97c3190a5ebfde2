package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// A file, once released, is never changed: databases have run it. Tables of both dialects have the same columns.
//
//go:embed migrations
var migrations embed.FS

// migrate brings a schema up to date. Replicas that start at once come one after the other.
func migrate(ctx context.Context, db *sql.DB, kind goose.Dialect, log *slog.Logger) error {
	dir := "migrations/sqlite"
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if kind == goose.DialectPostgres {
		dir = "migrations/postgres"
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // every second, 5 min
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(kind, db, files, options...)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	done, err := provider.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate schema: %w", err)
	}
	for _, m := range done {
		log.Info("store schema migrated", "version", m.Source.Version, "took", m.Duration)
	}
	// Up has left a newer schema as it was.
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if current > known {
		return fmt.Errorf("its schema has version %d and this firedrill knows %d at most: use the newer firedrill that made it", current, known)
	}
	return nil
}
