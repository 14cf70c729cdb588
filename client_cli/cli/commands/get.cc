#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/paths.h"
#include "client_cli/cli/transfer.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

bool is_local_directory(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

Result<> make_local_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) == 0 || (errno == EEXIST && is_local_directory(path))) return {};
  int number = errno;
  Code code = number == ENOENT ? Code::not_found : number == EEXIST ? Code::already_exists : Code::io_error;
  return fail(Error{code, path + ": " + std::strerror(number), {{"this machine", std::strerror(number)}}});
}

void tell_done(Session& session, const std::string& path, const std::string& local, std::uint64_t files,
               std::uint64_t bytes) {
  if (session.out().json()) session.out().object({{"path", path}, {"local", local}, {"files", files}, {"size", bytes}});
}

Result<int> get_file(Session& session, const FileInfo& info, const std::string& local, bool replace) {
  Progress progress(session.out(), std::string(base_name(info.path)), info.size);
  auto work = [&](Filesystem& filesystem) { return download(filesystem, progress, info.path, local, replace); };
  Result<std::uint64_t> bytes = session.run<std::uint64_t>(work);
  if (!bytes) return fail(std::move(bytes));
  tell_done(session, info.path, local, 1, *bytes);
  return kOk;
}

Result<int> get_tree(Session& session, const FileInfo& root, const std::string& local, bool replace) {
  std::vector<FileInfo> files;
  std::uint64_t total = 0;
  Result<> walked = walk(session, root, [&](const Visit& visit) -> Result<> {
    std::string_view name = below(root.path, visit.info.path);
    if (visit.depth > 0 && !stays_below(name)) {
      return fail(Code::malformed, "the master gave a name that leads elsewhere: {}",
                  escape_for_terminal(visit.info.path));
    }
    if (visit.info.type == FileType::directory) return make_local_directory(join(local, name));
    total += visit.info.size;
    files.push_back(visit.info);
    return {};
  });
  if (!walked) return fail(std::move(walked));
  Progress progress(session.out(), std::string(base_name(root.path)), total);
  std::vector<Job> jobs;
  for (const FileInfo& info : files) {
    std::string target = join(local, below(root.path, info.path));
    auto work = [&progress, path = info.path, target, replace](Filesystem& filesystem) {
      return download(filesystem, progress, path, target, replace);
    };
    jobs.push_back({info.path, info.size, std::move(work)});
  }
  Result<JobsDone> done = run_jobs(session, "get", std::move(jobs));
  if (!done) return fail(std::move(done));
  tell_done(session, root.path, local, done->files, done->bytes);
  return done->exit();
}

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> path = session.path(arguments[0]);
  if (!path) return fail(std::move(path));
  std::string local = arguments.count() > 1 ? arguments[1] : ".";
  if (local == "-") return kCat.run(session, *Arguments::parse({"--", *path}, {}));
  Result<FileInfo> info = stat(session, *path);
  if (!info) return fail(std::move(info));
  if (is_local_directory(local) && *path != "/") local = join(local, base_name(*path));
  bool replace = arguments.has("force");
  if (info->type == FileType::file) return get_file(session, *info, local, replace);
  if (!arguments.has("recursive")) return fail(Code::is_a_directory, "{} is a directory", *path);
  return get_tree(session, *info, local, replace);
}

}  // namespace

const Command kGet{
    .name = "get",
    .group = "Files",
    .usage = "[-f] [-r] PATH [LOCAL]",
    .summary = "fetches a file or tree to this machine",
    .help =
        "LOCAL may be - for standard output; into LOCAL if that is a directory (the current one, if it is left out). A "
        "file\n"
        "appears under its name when it is complete.\n"
        "Example: get -r /photos ./photos-back",
    .options = {{'f', "force", "", "replace existing files"},
                {'r', "recursive", "", "a directory with all that is in it"}},
    .arguments_min = 1,
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
