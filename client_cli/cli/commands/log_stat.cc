#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/master_directory.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

// What is shown of a log: a directory's, all of it verified; or a running master's, as it tells it.
struct Shown {
  master::DirectoryView view;
  std::string master;  // its address; empty: a directory was read
};

std::string state_of(const Shown& shown, const std::string& damage, std::uint64_t unfinished = 0) {
  if (!shown.master.empty()) return "not checked";
  if (!damage.empty()) return damage;
  return unfinished > 0 ? fmt::format("unfinished: the last {} bytes", unfinished) : "ok";
}

Json to_json(const Shown& shown) {
  const master::DirectoryView& view = shown.view;
  const bool checked = shown.master.empty();
  Json segments = Json::array(), checkpoints = Json::array();
  for (const master::SegmentView& one : view.segments) {
    segments.push_back({{"file", one.name},
                        {"epoch", one.epoch},
                        {"first", one.first},
                        {"last", one.last},
                        {"bytes", one.bytes},
                        {"unfinished", checked ? Json(one.unfinished) : Json(nullptr)},
                        {"damage", checked ? Json(one.damage) : Json(nullptr)}});
  }
  for (const master::CheckpointView& one : view.checkpoints) {
    checkpoints.push_back({{"file", one.name},
                           {"epoch", one.epoch},
                           {"index", one.index},
                           {"bytes", one.bytes},
                           {"damage", checked ? Json(one.damage) : Json(nullptr)}});
  }
  Json epochs = Json::array();
  for (const master::EpochView& one : view.epochs()) epochs.push_back({{"epoch", one.epoch}, {"first", one.first}});
  Json json{{"cluster", view.identity.cluster.text()},
            {"epoch", view.identity.epoch},
            {"epochs", epochs},
            {"damaged", checked ? Json(view.damaged()) : Json(nullptr)},
            {"segments", segments},
            {"checkpoints", checkpoints}};
  if (!checked) json["master"] = shown.master;
  return json;
}

Result<Shown> of_running_master(Session& session) {
  Shown shown;
  for (std::uint64_t after = 0;;) {
    auto ask = [after](Filesystem& filesystem) { return filesystem.view_log(after); };
    Result<bus::ViewLog::Reply> page = session.run<bus::ViewLog::Reply>(ask);
    if (!page) return fail(std::move(page));
    shown.view.identity = {page->cluster, page->epoch};
    for (bus::ViewLog::CheckpointFile& one : page->checkpoints)
      shown.view.checkpoints.push_back({std::move(one.file), one.bytes, one.epoch, one.index, {}});
    for (bus::ViewLog::Segment& one : page->segments) {
      after = one.first;
      shown.view.segments.push_back({std::move(one.file), one.bytes, one.epoch, one.first, one.last, 0, {}});
    }
    if (!page->more || page->segments.empty()) break;
  }
  shown.master = session.master();
  return shown;
}

Result<Shown> of_directory(const std::string& directory) {
  Result<master::DirectoryView> view = view_master_directory(directory);
  if (!view) return fail(std::move(view));
  return Shown{std::move(*view), {}};
}

// "cluster 7a.., log epoch 3 (epoch 2 from index 901, epoch 3 from index 1200)"
std::string heading(const master::DirectoryView& view) {
  std::string text = fmt::format("cluster {}, log epoch {}", view.identity.cluster, view.identity.epoch);
  std::string changes;
  for (const master::EpochView& one : view.epochs()) {
    if (one.epoch > 1)
      changes += fmt::format("{}epoch {} from index {}", changes.empty() ? "" : ", ", one.epoch, one.first);
  }
  return changes.empty() ? text : fmt::format("{} ({})", text, changes);
}

Result<int> tell_state(Output& out, const std::string& directory) {
  Result<DirectoryState> state = state_of_directory(directory);
  if (!state) return fail(std::move(state));
  if (out.json()) {
    out.object({{"index", state->index},
                {"hash", hex(state->hash)},
                {"files", state->files},
                {"directories", state->directories},
                {"chunks", state->chunks}});
  } else {
    out.line(fmt::format("{}\t{}\t{}\t{}\t{}", state->index, hex(state->hash), state->files, state->directories,
                         state->chunks));
  }
  return kOk;
}

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  const bool running = arguments.count() == 0;
  if (arguments.has("state") && running)
    return fail(Code::invalid_argument, "--state: needs the directory of a master");
  if (arguments.has("state")) return tell_state(out, arguments[0]);
  Result<Shown> shown = running ? of_running_master(session) : of_directory(arguments[0]);
  if (!shown) return fail(std::move(shown));
  const master::DirectoryView& view = shown->view;
  const int code = view.damaged() ? kIntegrity : kOk;
  if (out.json()) {
    out.object(to_json(*shown));
    return code;
  }
  if (out.to_terminal()) out.line(heading(view));
  auto size = [&out](std::uint64_t bytes) { return out.to_terminal() ? format_size(bytes) : std::to_string(bytes); };
  Table table({"FILE", ">EPOCH", ">FIRST", ">LAST", ">SIZE", "STATE"});
  for (const master::CheckpointView& one : view.checkpoints) {
    table.add({one.name, std::to_string(one.epoch), "1", std::to_string(one.index), size(one.bytes),
               state_of(*shown, one.damage)});
  }
  for (const master::SegmentView& one : view.segments) {
    table.add({one.name, std::to_string(one.epoch), std::to_string(one.first), std::to_string(one.last),
               size(one.bytes), state_of(*shown, one.damage, one.unfinished)});
  }
  table.print(out);
  return code;
}

}  // namespace

const Command kLogStat{
    .name = "log stat",
    .group = "Cluster",
    .usage = "[DIR]",
    .summary = "shows what the log of a master holds; of a directory, whether it is sound",
    .help =
        "Without a directory the running master tells its files, and nothing is verified. With one, every checkpoint "
        "and\n"
        "every segment of the log there is read, and nothing changed; no master is needed. Ends with 8 if something "
        "is\n"
        "damaged. A checkpoint holds everything up to its last index. In a pipe: tab-separated, sizes in bytes.\n"
        "A log epoch begins where a directory was adopted (gfs-master --adopt-new-epoch) or its log was cut (log "
        "repair).\n"
        "With --state: index, hash, files, directories and chunks of the state that a master would start with there; "
        "equal\n"
        "states have equal hashes.\n"
        "Example: log stat /var/lib/gfs/master",
    .options = {{0, "state", "", "the state that the directory gives instead"}},
    .arguments_min = 0,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
