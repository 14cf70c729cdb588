#include <algorithm>

#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/file_json.h"
#include "client_cli/cli/paths.h"
#include "client_cli/cli/table.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

struct Listing {
  Session& session;
  const Arguments& arguments;
  std::string root;          // names are shown below it
  bool whole_paths = false;  // in a pipe: several directories, or all levels
};

std::string shown(const Listing& listing, const FileInfo& info) {
  Output& out = listing.session.out();
  bool directory = info.type == FileType::directory;
  std::string name(listing.whole_paths ? below(listing.root, info.path) : base_name(info.path));
  if (name.empty()) name = info.path;
  name = out.name(name);
  if (!out.to_terminal() || !directory) return name;
  return out.colored(Output::Color::directory, name + (name == "/" ? "" : "/"));
}

void sort(std::vector<FileInfo>& entries, const Arguments& arguments) {
  bool by_size = arguments.has("size");
  if (!by_size && !arguments.has("time")) return;  // by name, as they came
  auto rank = [by_size](const FileInfo& info) {
    return by_size ? static_cast<std::int64_t>(info.size) : info.mtime_ms;
  };
  std::ranges::sort(entries, [&](const FileInfo& a, const FileInfo& b) {
    return std::pair(-rank(a), std::string_view(a.path)) < std::pair(-rank(b), std::string_view(b.path));
  });
}

// Names side by side, downwards first, as many columns as fit.
void print_columns(Output& out, const std::vector<std::string>& names) {
  std::size_t width = 1;
  for (const std::string& name : names) width = std::max(width, shown_width(name) + 2);
  std::size_t columns = std::max<std::size_t>(1, out.width() / width);
  std::size_t rows = (names.size() + columns - 1) / columns;
  for (std::size_t row = 0; row < rows; ++row) {
    std::string line;
    for (std::size_t i = row; i < names.size(); i += rows) {
      line += names[i];
      if (i + rows < names.size()) line += std::string(width - shown_width(names[i]), ' ');
    }
    out.line(line);
  }
}

void print(const Listing& listing, const std::vector<FileInfo>& entries) {
  Output& out = listing.session.out();
  if (out.json()) {
    for (const FileInfo& info : entries) out.object(file_json(info));
    return;
  }
  if (listing.arguments.has("long")) {
    Table table({"TYPE", ">SIZE", ">REPLICAS", "MODIFIED", "NAME"});
    for (const FileInfo& info : entries) {
      bool human = listing.arguments.has("human");
      table.add({info.type == FileType::directory ? "dir" : "file",
                 human ? format_size(info.size) : std::to_string(info.size), std::to_string(info.replicas),
                 format_wall(info.mtime_ms), shown(listing, info)});
    }
    table.print(out, !entries.empty());
    return;
  }
  std::vector<std::string> names;
  for (const FileInfo& info : entries) names.push_back(shown(listing, info));
  if (out.to_terminal()) {
    print_columns(out, names);
  } else {
    for (const std::string& name : names) out.line(name);
  }
}

Result<> list_directory(Listing& listing, const std::string& path, bool heading) {
  Output& out = listing.session.out();
  Result<std::vector<FileInfo>> entries = list(listing.session, path);
  if (!entries) return fail(std::move(entries));
  sort(*entries, listing.arguments);
  if (heading && out.to_terminal() && !out.json()) out.line(out.name(path) + ":");
  print(listing, *entries);
  if (!listing.arguments.has("recursive")) return {};
  for (const FileInfo& info : *entries) {
    if (info.type != FileType::directory) continue;
    if (out.to_terminal() && !out.json()) out.line("");
    Result<> below = list_directory(listing, info.path, true);
    if (!below) return below;
  }
  return {};
}

Result<int> run(Session& session, const Arguments& arguments) {
  Words paths = arguments.rest();
  if (paths.empty()) paths.push_back(session.in_shell() ? "." : "/");
  bool several = paths.size() > 1;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    Result<std::string> path = session.path(paths[i]);
    if (!path) return fail(std::move(path));
    Result<FileInfo> info = stat(session, *path);
    if (!info) return fail(std::move(info));
    Listing listing{session, arguments, several ? "/" : *path,
                    !session.out().to_terminal() && arguments.has("recursive")};
    if (several && !session.out().to_terminal()) listing.whole_paths = true;
    if (info->type == FileType::file) {
      print(listing, {*info});
      continue;
    }
    if (i > 0 && session.out().to_terminal() && !session.out().json()) session.out().line("");
    Result<> listed = list_directory(listing, *path, several || arguments.has("recursive"));
    if (!listed) return fail(std::move(listed));
  }
  return kOk;
}

}  // namespace

const Command kLs{
    .name = "ls",
    .group = "Files",
    .usage = "[-lhRtS] [PATH...]",
    .summary = "lists directories",
    .help =
        "In a pipe: one name a line; with -l tab-separated type, size, replicas, mtime, name; with -R the paths below "
        "PATH.\n"
        "Example: ls -lS /logs",
    .options = {{'l', "long", "", "type, size, replicas, time (UTC) and name"},
                {'h', "human", "", "sizes as 1.2 MiB"},
                {'R', "recursive", "", "also what is below"},
                {'t', "time", "", "newest first"},
                {'S', "size", "", "largest first"}},
    .arguments_max = 1000,
    .run = run,
};

}  // namespace gfs::cli
