#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/paths.h"
#include "client_cli/cli/transfer.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

struct Copy {
  Session& session;
  Leftovers& leftovers;
  FileInfo source;
  std::string target;
  bool replace = false;
};

Result<JobsDone> copy_tree(Copy& what) {
  Session& session = what.session;
  std::vector<FileInfo> files;
  std::vector<std::string> directories;
  std::uint64_t total = 0;
  Result<> walked = walk(session, what.source, [&](const Visit& visit) -> Result<> {
    if (visit.info.type == FileType::directory) {
      directories.push_back(join(what.target, below(what.source.path, visit.info.path)));
    } else {
      total += visit.info.size;
      files.push_back(visit.info);
    }
    return {};
  });
  if (!walked) return fail(std::move(walked));
  bool parents = false;  // only for those below the first
  for (const std::string& path : directories) {
    auto make = [path, parents](Filesystem& filesystem) { return filesystem.make_directory(path, parents); };
    Result<FileInfo> made = session.run<FileInfo>(make);
    bool was_there = !made && !parents && made.error().code == Code::already_exists;
    if (!made && !was_there) return fail(std::move(made));
    parents = true;
  }
  Progress progress(session.out(), std::string(base_name(what.source.path)), total);
  std::vector<Job> jobs;
  for (const FileInfo& info : files) {
    RemoteTarget::Settings settings{join(what.target, below(what.source.path, info.path)), what.replace, info.replicas};
    auto work = [&what, &progress, path = info.path, settings](Filesystem& filesystem) {
      return copy(filesystem, what.leftovers, progress, path, settings);
    };
    jobs.push_back({info.path, info.size, std::move(work)});
  }
  return run_jobs(session, "cp", std::move(jobs));
}

Result<int> copy_any(Copy& what, bool recursive) {
  Session& session = what.session;
  Result<FileInfo> there = stat(session, what.target);
  if (!there && there.error().code != Code::not_found) return fail(std::move(there));
  if (there && there->type == FileType::directory) what.target = join(what.target, base_name(what.source.path));
  bool directory = what.source.type == FileType::directory;
  if (directory && !recursive) return fail(Code::is_a_directory, "{} is a directory", what.source.path);
  bool inside = what.source.path == "/" || what.target.starts_with(what.source.path + "/");
  if (what.target == what.source.path || (directory && inside)) {
    return fail(Code::invalid_argument, "{} cannot be copied to itself: {}", what.source.path, what.target);
  }
  JobsDone done;
  if (directory) {
    Result<JobsDone> copied = copy_tree(what);
    if (!copied) return fail(std::move(copied));
    done = *copied;
  } else {
    Progress progress(session.out(), std::string(base_name(what.source.path)), what.source.size);
    RemoteTarget::Settings settings{what.target, what.replace, what.source.replicas};
    auto work = [&](Filesystem& filesystem) {
      return copy(filesystem, what.leftovers, progress, what.source.path, settings);
    };
    Result<std::uint64_t> bytes = session.run<std::uint64_t>(work);
    if (!bytes) return fail(std::move(bytes));
    done = {.files = 1, .bytes = *bytes};
  }
  if (session.out().json()) session.out().object({{"path", what.target}, {"files", done.files}, {"size", done.bytes}});
  return done.exit();
}

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> source = session.path(arguments[0]);
  if (!source) return fail(std::move(source));
  Result<std::string> target = session.path(arguments[1]);
  if (!target) return fail(std::move(target));
  Result<FileInfo> info = stat(session, *source);
  if (!info) return fail(std::move(info));
  Leftovers leftovers;
  Copy what{session, leftovers, *info, *target, arguments.has("force")};
  Result<int> done = copy_any(what, arguments.has("recursive"));
  remove_leftovers(session, leftovers);
  return done;
}

}  // namespace

const Command kCp{
    .name = "cp",
    .group = "Files",
    .usage = "[-f] [-r] SOURCE TARGET",
    .summary = "copies within the cluster, through this machine",
    .help =
        "Into TARGET if that is a directory. Copies have as many replicas as what they come from.\n"
        "Example: cp /logs/today /backup/",
    .options = {{'f', "force", "", "replace existing files"},
                {'r', "recursive", "", "a directory with all that is in it"}},
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
