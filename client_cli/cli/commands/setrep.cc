#include <charconv>

#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/file_json.h"
#include "client_cli/cli/request_option.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

Result<> set_all(Session& session, FileInfo root, std::uint32_t replicas, std::uint64_t& files) {
  return walk(session, std::move(root), [&](const Visit& visit) -> Result<> {
    if (visit.info.type == FileType::directory) return {};
    auto set = [path = visit.info.path, replicas](Filesystem& filesystem) {
      return filesystem.set_replicas(path, replicas);
    };
    Result<FileInfo> done = session.run<FileInfo>(set);
    if (!done && done.error().code == Code::not_found) return {};  // it went meanwhile
    if (!done) return fail(std::move(done));
    ++files;
    return {};
  });
}

Result<int> run(Session& session, const Arguments& arguments) {
  std::uint32_t replicas = 0;
  const std::string& text = arguments[0];
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), replicas);
  if (error != std::errc() || end != text.data() + text.size() || replicas == 0 || replicas > 8) {
    return fail(Code::invalid_argument, "{}: a number of replicas from 1 to 8 is wanted",
                escape_for_terminal(text.substr(0, 100)));
  }
  for (std::size_t i = 1; i < arguments.count(); ++i) {
    Result<std::string> path = session.path(arguments[i]);
    if (!path) return fail(std::move(path));
    Result<FileInfo> there = stat_for_change(session, *path);
    if (!there) return fail(std::move(there));
    if (there->type == FileType::directory) {
      if (!arguments.has("recursive")) {
        return fail(Code::is_a_directory,
                    "{} is a directory: setrep -R for the files in it, setpolicy --replicas for those to come", *path);
      }
      std::uint64_t files = 0;
      Result<> done = set_all(session, *std::move(there), replicas, files);
      if (!done) return fail(std::move(done));
      if (session.out().json()) session.out().object({{"path", *path}, {"replicas", replicas}, {"files", files}});
      continue;
    }
    auto set = [path = *path, replicas](Filesystem& filesystem) { return filesystem.set_replicas(path, replicas); };
    Result<FileInfo> done = mutate<FileInfo>(session, arguments, arguments.count() - 1, set);
    if (!done) return fail(std::move(done));
    tell_mutation(session, arguments, file_json(*done));
  }
  return kOk;
}

}  // namespace

const Command kSetrep{
    .name = "setrep",
    .group = "Files",
    .usage = "[-R] N PATH...",
    .summary = "sets how many replicas files have",
    .help =
        "The chunks follow in the background, one by one: chunk ls shows how far they are.\n"
        "Example: setrep -R 2 /logs/2025",
    .options = with_request_options({{'R', "recursive", "", "all files of directories"}}),
    .arguments_min = 2,
    .arguments_max = 1000,
    .run = run,
};

}  // namespace gfs::cli
