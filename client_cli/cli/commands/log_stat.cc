#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/master_directory.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

std::string state_of(const std::string& damage, std::uint64_t unfinished = 0) {
  if (!damage.empty()) return damage;
  return unfinished > 0 ? fmt::format("unfinished: the last {} bytes", unfinished) : "ok";
}

Json to_json(const master::DirectoryView& view) {
  Json segments = Json::array(), checkpoints = Json::array();
  for (const master::SegmentView& one : view.segments) {
    segments.push_back({{"file", one.name},
                        {"epoch", one.epoch},
                        {"first", one.first},
                        {"last", one.last},
                        {"bytes", one.bytes},
                        {"unfinished", one.unfinished},
                        {"damage", one.damage}});
  }
  for (const master::CheckpointView& one : view.checkpoints) {
    checkpoints.push_back(
        {{"file", one.name}, {"epoch", one.epoch}, {"index", one.index}, {"bytes", one.bytes}, {"damage", one.damage}});
  }
  Json epochs = Json::array();
  for (const master::EpochView& one : view.epochs()) epochs.push_back({{"epoch", one.epoch}, {"first", one.first}});
  return {{"cluster", view.identity.cluster.text()},
          {"epoch", view.identity.epoch},
          {"epochs", epochs},
          {"damaged", view.damaged()},
          {"segments", segments},
          {"checkpoints", checkpoints}};
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
  if (arguments.has("state")) return tell_state(out, arguments[0]);
  Result<master::DirectoryView> view = view_master_directory(arguments[0]);
  if (!view) return fail(std::move(view));
  const int code = view->damaged() ? kIntegrity : kOk;
  if (out.json()) {
    out.object(to_json(*view));
    return code;
  }
  if (out.to_terminal()) out.line(heading(*view));
  auto size = [&out](std::uint64_t bytes) { return out.to_terminal() ? format_size(bytes) : std::to_string(bytes); };
  Table table({"FILE", ">EPOCH", ">FIRST", ">LAST", ">SIZE", "STATE"});
  for (const master::CheckpointView& one : view->checkpoints)
    table.add(
        {one.name, std::to_string(one.epoch), "1", std::to_string(one.index), size(one.bytes), state_of(one.damage)});
  for (const master::SegmentView& one : view->segments) {
    table.add({one.name, std::to_string(one.epoch), std::to_string(one.first), std::to_string(one.last),
               size(one.bytes), state_of(one.damage, one.unfinished)});
  }
  table.print(out);
  return code;
}

}  // namespace

const Command kLogStat{
    .name = "log stat",
    .group = "Cluster",
    .usage = "DIR",
    .summary = "shows what a master's directory holds, and whether it is sound",
    .help =
        "Reads every checkpoint and every segment of the log, and changes nothing; no master is needed. A checkpoint "
        "holds\n"
        "everything up to its last index. Ends with 8 if something is damaged. In a pipe: tab-separated, sizes in "
        "bytes.\n"
        "A log epoch begins where a directory was adopted (gfs-master --adopt-new-epoch) or its log was cut (log "
        "repair).\n"
        "With --state: index, hash, files, directories and chunks of the state that a master would start with there; "
        "equal\n"
        "states have equal hashes.\n"
        "Example: log stat /var/lib/gfs/master",
    .options = {{0, "state", "", "the state that it gives instead"}},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
