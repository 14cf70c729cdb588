#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/table.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

struct Sum {
  std::string path;
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
};

void add(Sum& sum, const Sum& part) {
  sum.bytes += part.bytes;
  sum.files += part.files;
  sum.directories += part.directories;
}

// Directories after what is in them, as du does; the whole last.
Result<std::vector<Sum>> sum_up(Session& session, FileInfo root) {
  std::vector<Sum> open;
  std::vector<Sum> done;
  auto close_one = [&] {
    Sum closed = std::move(open.back());
    open.pop_back();
    if (!open.empty()) add(open.back(), closed);
    done.push_back(std::move(closed));
  };
  Result<> walked = walk(session, std::move(root), [&](const Visit& visit) -> Result<> {
    while (open.size() > visit.depth) close_one();
    bool directory = visit.info.type == FileType::directory;
    Sum here{visit.info.path, visit.info.size, directory ? 0u : 1u, directory ? 1u : 0u};
    if (directory || visit.depth == 0) {
      open.push_back(std::move(here));
    } else {
      add(open.back(), here);
    }
    return {};
  });
  if (!walked) return fail(std::move(walked));
  while (!open.empty()) close_one();
  return done;
}

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  Words paths = arguments.rest();
  if (paths.empty()) paths.push_back(session.in_shell() ? "." : "/");
  Table table({">SIZE", "PATH"});
  for (const std::string& text : paths) {
    Result<std::string> path = session.path(text);
    if (!path) return fail(std::move(path));
    Result<FileInfo> info = stat(session, *path);
    if (!info) return fail(std::move(info));
    Result<std::vector<Sum>> sums = sum_up(session, std::move(*info));
    if (!sums) return fail(std::move(sums));
    if (arguments.has("summary")) sums->erase(sums->begin(), sums->end() - 1);
    for (const Sum& sum : *sums) {
      if (out.json()) {
        out.object({{"path", sum.path}, {"size", sum.bytes}, {"files", sum.files}, {"directories", sum.directories}});
      } else {
        table.add({arguments.has("human") ? format_size(sum.bytes) : std::to_string(sum.bytes), out.name(sum.path)});
      }
    }
  }
  table.print(out, false);
  return kOk;
}

}  // namespace

const Command kDu{
    .name = "du",
    .group = "Files",
    .usage = "[-s] [-h] [PATH...]",
    .summary = "adds up the sizes of files by directory",
    .help = "Sizes of the files, not times their replicas.\nExample: du -sh /logs",
    .options = {{'s', "summary", "", "only the whole"}, {'h', "human", "", "sizes as 1.2 MiB"}},
    .arguments_max = 1000,
    .run = run,
};

}  // namespace gfs::cli
