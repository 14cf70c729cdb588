#include "client_cli/cli/snapshot_names.h"

#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/request_option.h"

namespace gfs::cli {

namespace {

constexpr std::string_view kDirectory = "/.snapshots/";
constexpr std::size_t kNameMax = 255;

}  // namespace

std::string snapshot_path(std::string_view name) { return std::string(kDirectory) + std::string(name); }

Result<std::string> snapshot_name(std::string_view text) {
  std::string_view name = text.starts_with(kDirectory) ? text.substr(kDirectory.size()) : text;
  const bool valid = !name.empty() && name.size() <= kNameMax && name != "." && name != ".." &&
                     name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
  if (valid) return std::string(name);
  return fail(Code::invalid_argument,
              "\"{}\" is no name of a snapshot: it has 1 to {} bytes, no slash, and is not . or ..",
              escape_for_terminal(text.substr(0, 100)), kNameMax);
}

Result<> walk_snapshots(Session& session, std::string after, const VisitSnapshot& visit) {
  while (true) {
    auto ask = [after](Filesystem& filesystem) { return filesystem.snapshots_page(after); };
    Result<bus::ListSnapshots::Reply> page = session.run<bus::ListSnapshots::Reply>(ask);
    if (!page) return fail(std::move(page));
    for (const Snapshot& snapshot : page->snapshots) {
      if (snapshot.name <= after) {
        return fail(Code::malformed, "snapshots: the master's pages do not go forward at {}", snapshot.name);
      }
      if (!visit(snapshot)) return {};
      after = snapshot.name;
    }
    if (!page->more || page->snapshots.empty()) return {};
  }
}

Result<Snapshot> find_snapshot(Session& session, const std::string& name) {
  std::optional<Snapshot> found;
  // What sorts right before it is not known; all that begins with less of it does.
  Result<> walked = walk_snapshots(session, name.substr(0, name.size() - 1), [&](const Snapshot& snapshot) {
    if (snapshot.name == name) found = snapshot;
    return snapshot.name < name;
  });
  if (!walked) return fail(std::move(walked));
  if (!found) return fail(Code::not_found, "there is no snapshot {}", name);
  return *std::move(found);
}

Result<int> make_snapshot(Session& session, const Arguments& arguments, std::string source, std::string target) {
  using Made = bus::CreateSnapshot::Reply;
  Output& out = session.out();
  auto make = [source, target](Filesystem& filesystem) { return filesystem.create_snapshot(source, target); };
  Result<Made> made = mutate<Made>(session, arguments, 1, make);
  if (!made) return fail(std::move(made));
  const std::string path = made->info.path;
  const bool show_request = arguments.has("show-req");
  if (out.json() || (show_request && out.to_terminal())) {
    tell_mutation(session, arguments,
                  {{"path", path},
                   {"source", source},
                   {"files", made->files},
                   {"directories", made->directories},
                   {"chunks", made->chunks}});
  } else if (out.to_terminal()) {
    out.line(fmt::format("{}: {} files  {} directories  {} chunks", out.name(path), made->files, made->directories,
                         made->chunks));
  } else {
    std::string line = fmt::format("{}\t{}\t{}\t{}", path, made->files, made->directories, made->chunks);
    std::optional<RequestId> request = session.request();
    if (show_request && request) line += "\t" + request->text();
    out.line(line);
  }
  return kOk;
}

}  // namespace gfs::cli
