#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/local_tree.h"
#include "client_cli/cli/paths.h"
#include "client_cli/cli/remote_stream.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

struct Put {
  Session& session;
  Leftovers& leftovers;
  std::string source;
  RemoteTarget::Settings target;
};

void tell_done(Session& session, const std::string& path, std::uint64_t files, std::uint64_t bytes) {
  if (!session.out().json()) return;
  std::optional<RequestId> request = session.request();
  Json json{{"path", path}, {"files", files}, {"size", bytes}, {"req", nullptr}};
  if (request) json["req"] = request->text();
  session.out().object(std::move(json));
}

Result<int> put_stream(Put& put) {
  LocalSource source = LocalSource::borrowed(put.session.out().streams().input, "standard input");
  Progress progress(put.session.out(), "-", std::nullopt);
  RemoteWriter writer(put.session, put.leftovers);
  Result<> done = writer.begin(put.target);
  std::uint64_t bytes = 0;
  while (done) {
    Result<std::string> piece = source.read();
    if (!piece) return fail(std::move(piece));
    if (piece->empty()) break;
    bytes += piece->size();
    progress.add(piece->size());
    done = writer.append(std::move(*piece));
  }
  if (done) done = writer.finish();
  if (!done) return fail(std::move(done));
  tell_done(put.session, put.target.path, 1, bytes);
  return kOk;
}

Result<int> put_file(Put& put, std::uint64_t size) {
  Progress progress(put.session.out(), std::string(base_name(put.source)), size);
  auto work = [&put, &progress](Filesystem& filesystem) {
    return upload(filesystem, put.leftovers, progress, put.source, true, put.target);
  };
  Result<std::uint64_t> bytes = put.session.run<std::uint64_t>(work);
  if (!bytes) return fail(std::move(bytes));
  tell_done(put.session, put.target.path, 1, *bytes);
  return kOk;
}

Task<> make_directories(Filesystem& filesystem, std::vector<std::string> paths, std::vector<Error>& failed) {
  struct One {
    static Task<> make(Filesystem& where, std::string path, std::vector<Error>& errors) {
      Result<FileInfo> made = co_await where.make_directory(std::move(path), true).outcome();
      if (!made) errors.push_back(std::move(made).error());
    }
  };
  auto make = [&](std::size_t i) { return One::make(filesystem, paths[i], failed); };
  co_await for_each(paths.size(), kInFlight, make);
}

// Level by level, so that parents are there first. The top one must not bring its own parents along.
Result<> make_all_directories(Put& put, const LocalTree& tree, bool top_exists) {
  if (!top_exists) {
    auto make = [path = put.target.path](Filesystem& filesystem) { return filesystem.make_directory(path); };
    Result<FileInfo> top = put.session.run<FileInfo>(make);
    if (!top) return fail(std::move(top));
  }
  for (const std::vector<std::string>& level : tree.directories) {
    std::vector<std::string> paths;
    for (const std::string& name : level) paths.push_back(join(put.target.path, name));
    std::vector<Error> failed;
    auto make = [&](Filesystem& filesystem) { return make_directories(filesystem, paths, failed); };
    Result<> made = put.session.run<void>(make);
    if (!made) return made;
    if (!failed.empty()) return fail(std::move(failed.front()));
  }
  return {};
}

Result<int> put_tree(Put& put, bool top_exists) {
  Result<LocalTree> tree = LocalTree::read(put.source);
  if (!tree) return fail(std::move(tree));
  for (const std::string& skipped : tree->skipped) put.session.warn("skipped, " + skipped);
  Result<> made = make_all_directories(put, *tree, top_exists);
  if (!made) return fail(std::move(made));
  Progress progress(put.session.out(), std::string(base_name(put.target.path)), tree->bytes);
  std::vector<Job> jobs;
  for (const LocalTree::File& file : tree->files) {
    RemoteTarget::Settings settings = put.target;
    settings.path = join(put.target.path, file.path);
    std::string local = join(put.source, file.path);
    auto work = [&put, &progress, local, settings](Filesystem& filesystem) {
      return upload(filesystem, put.leftovers, progress, local, false, settings);
    };
    jobs.push_back({local, file.size, std::move(work)});
  }
  Result<JobsDone> done = run_jobs(put.session, "put", std::move(jobs));
  if (!done) return fail(std::move(done));
  for (const Error& error : tree->failed) put.session.tell("put", error);
  tell_done(put.session, put.target.path, done->files, done->bytes);
  if (!tree->failed.empty()) return kPartly;
  return done->exit();
}

Result<int> put_any(Put& put, bool recursive) {
  Result<FileInfo> there = stat(put.session, put.target.path);
  if (!there && there.error().code != Code::not_found) return fail(std::move(there));
  bool into = there && there->type == FileType::directory;
  if (put.source == "-") {
    if (put.session.input_is_script()) {
      return fail(Code::invalid_argument, "standard input is the script itself; put a file instead of -");
    }
    if (into)
      return fail(Code::is_a_directory, "{} is a directory; standard input needs a file's name", put.target.path);
    return put_stream(put);
  }
  Result<LocalKind> kind = local_kind(put.source, recursive);
  if (!kind) return fail(std::move(kind));
  if (kind->type == LocalKind::skipped) {
    put.session.warn("skipped, " + kind->what);
    return kOk;
  }
  if (into) put.target.path = join(put.target.path, local_base_name(put.source));
  Result<std::string> valid = put.session.path(put.target.path);
  if (!valid) return fail(std::move(valid));
  if (kind->type == LocalKind::file) return put_file(put, kind->size);
  if (!recursive) return fail(Code::is_a_directory, "{} is a directory", put.source);
  if (into) there = stat(put.session, put.target.path);
  return put_tree(put, there && there->type == FileType::directory);
}

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> path = session.path(arguments[1]);
  if (!path) return fail(std::move(path));
  Result<std::uint64_t> replicas = arguments.number("rep", 0, 1, 16);
  if (!replicas) return fail(std::move(replicas));
  Leftovers leftovers;
  Put put{session, leftovers, arguments[0], {*path, arguments.has("force"), static_cast<std::uint32_t>(*replicas)}};
  Result<int> done = put_any(put, arguments.has("recursive"));
  remove_leftovers(session, leftovers);
  return done;
}

}  // namespace

const Command kPut{
    .name = "put",
    .group = "Files",
    .usage = "[-f] [-r] [--rep N] LOCAL PATH",
    .summary = "stores a local file or tree",
    .help =
        "LOCAL may be - for standard input. Into PATH if that is a directory. An existing file is replaced (-f) "
        "atomically,\n"
        "when the new one is complete. With -r links and special files are skipped with a warning, never followed.\n"
        "Example: put -r ./photos /photos",
    .options = {{'f', "force", "", "replace existing files"},
                {'r', "recursive", "", "a directory with all that is in it"},
                {0, "rep", "N", "this many replicas instead of the cluster's default"}},
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
