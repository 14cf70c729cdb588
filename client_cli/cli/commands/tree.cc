#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/file_json.h"
#include "client_cli/cli/paths.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  Result<std::string> path = session.path(arguments.count() > 0 ? arguments[0] : session.in_shell() ? "." : "/");
  if (!path) return fail(std::move(path));
  Result<FileInfo> root = stat(session, *path);
  if (!root) return fail(std::move(root));
  std::vector<std::string> bars;  // by depth: what stands before deeper ones
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  Result<> walked = walk(session, *root, [&](const Visit& visit) -> Result<> {
    bool directory = visit.info.type == FileType::directory;
    if (out.json()) {
      out.object(file_json(visit.info));
      return {};
    }
    if (visit.depth > 0) ++(directory ? directories : files);
    std::string line;
    bars.resize(visit.depth);
    for (std::size_t i = 1; i < visit.depth; ++i) line += bars[i];
    if (visit.depth > 0) line += visit.last ? "└── " : "├── ";
    bars.emplace_back(visit.last ? "    " : "│   ");
    std::string name = out.name(visit.depth == 0 ? visit.info.path : base_name(visit.info.path));
    line += directory ? out.colored(Output::Color::directory, name) : name;
    out.line(line);
    return {};
  });
  if (!walked) return fail(std::move(walked));
  if (out.to_terminal() && !out.json()) out.line(fmt::format("\n{} directories, {} files", directories, files));
  return kOk;
}

}  // namespace

const Command kTree{
    .name = "tree",
    .group = "Files",
    .usage = "[PATH]",
    .summary = "draws a directory and all below it",
    .help = "Example: tree /logs",
    .options = {},
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
