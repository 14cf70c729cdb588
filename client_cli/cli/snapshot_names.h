// What the verbs of snapshots share: names and where they stand, finding one, telling what was made.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "client_cli/cli/arguments.h"
#include "client_cli/cli/session.h"

namespace gfs::cli {

using Snapshot = bus::ListSnapshots::Snapshot;

// "monday" -> "/.snapshots/monday"
std::string snapshot_path(std::string_view name);

// A name as it was typed: NAME, or its path /.snapshots/NAME. invalid_argument: it cannot be one.
Result<std::string> snapshot_name(std::string_view text);

// Page by page, by name, from behind `after` on; false ends it.
using VisitSnapshot = std::function<bool(const Snapshot& snapshot)>;
Result<> walk_snapshots(Session& session, std::string after, const VisitSnapshot& visit);

// not_found.
Result<Snapshot> find_snapshot(Session& session, const std::string& name);

// A snapshot or a copy of one, made under --req if that was given, and what is said of it.
Result<int> make_snapshot(Session& session, const Arguments& arguments, std::string source, std::string target);

}  // namespace gfs::cli
