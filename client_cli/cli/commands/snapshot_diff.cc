#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/snapshot_names.h"

namespace gfs::cli {

namespace {

using Change = bus::CompareTrees::Change;
using Difference = bus::CompareTrees::Difference;

// One side of a difference, if it is there.
struct Side {
  bool there = false;
  FileType type = FileType::file;
  std::uint64_t size = 0;

  bool directory() const { return there && type == FileType::directory; }
  Json json() const {
    if (!there) return nullptr;
    if (directory()) return {{"type", "dir"}};
    return {{"type", "file"}, {"size", size}};
  }
  // In a pipe.
  std::string field() const { return there && !directory() ? std::to_string(size) : "-"; }
  // For a person.
  std::string text() const { return directory() ? "directory" : format_size(size); }
};

Side left_of(const Difference& difference) {
  return {difference.change != Change::added, difference.left, difference.left_size};
}
Side right_of(const Difference& difference) {
  return {difference.change != Change::removed, difference.right, difference.right_size};
}

void tell(Output& out, const Difference& difference) {
  const Side left = left_of(difference), right = right_of(difference);
  const bool added = difference.change == Change::added, removed = difference.change == Change::removed;
  if (out.json()) {
    out.object({{"change", added     ? "added"
                           : removed ? "removed"
                                     : "changed"},
                {"path", difference.path},
                {"left", left.json()},
                {"right", right.json()}});
    return;
  }
  const std::string_view sign = added ? "+" : removed ? "-" : "M";
  std::string path = difference.path.empty() ? "." : difference.path;
  if (right.there ? right.directory() : left.directory()) path += "/";
  if (!out.to_terminal()) {
    out.line(fmt::format("{}\t{}\t{}\t{}", sign, path, left.field(), right.field()));
    return;
  }
  std::string line = fmt::format("{} {}", sign, out.name(path));
  if (!added && !removed) line += fmt::format(" ({} -> {})", left.text(), right.text());
  out.line(out.colored(added ? Output::Color::good : removed ? Output::Color::bad : Output::Color::warning, line));
}

Result<> compare(Session& session, const std::string& left, const std::string& right) {
  std::string after;
  do {
    auto ask = [left, right, after](Filesystem& filesystem) { return filesystem.compare_page(left, right, after); };
    Result<bus::CompareTrees::Reply> page = session.run<bus::CompareTrees::Reply>(ask);
    if (!page) return fail(std::move(page));
    for (const Difference& difference : page->differences) tell(session.out(), difference);
    if (!page->next.empty() && page->next == after) {
      return fail(Code::malformed, "compare {}: the master's pages do not go forward at {}", left, after);
    }
    after = std::move(page->next);
    Result<> flushed = session.out().flush();
    if (!flushed) return flushed;
  } while (!after.empty() && !interrupted());
  return {};
}

// A path, the name of another snapshot, or nothing: where the snapshot was taken.
Result<std::string> right_side(Session& session, const Arguments& arguments, const std::string& name) {
  if (arguments.count() < 2) {
    Result<Snapshot> snapshot = find_snapshot(session, name);
    if (!snapshot) return fail(std::move(snapshot));
    return snapshot->source;
  }
  if (arguments[1].starts_with('/')) return session.path(arguments[1]);
  Result<std::string> other = snapshot_name(arguments[1]);
  if (!other) return other;
  return snapshot_path(*other);
}

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> name = snapshot_name(arguments[0]);
  if (!name) return fail(std::move(name));
  Result<std::string> right = right_side(session, arguments, *name);
  if (!right) return fail(std::move(right));
  Result<> compared = compare(session, snapshot_path(*name), *right);
  if (!compared) return fail(std::move(compared));
  return kOk;
}

}  // namespace

const Command kSnapshotDiff{
    .name = "snapshot diff",
    .group = "Snapshots",
    .usage = "NAME [NAME|PATH]",
    .summary = "tells what changed since a snapshot was taken",
    .help =
        "Against another snapshot or a path (with a slash in front); without: against where it was taken. + is there\n"
        "since, - is gone, M is another file, or one with other chunks or another size as of its last fsync; nothing "
        "is "
        "read.\n"
        "A directory has a slash at its end. In a pipe: sign, path, size before, size now; tab-separated.\n"
        "Example: snapshot diff monday tuesday",
    .options = {},
    .arguments_min = 1,
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
