#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/file_json.h"
#include "client_cli/cli/table.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  for (const std::string& text : arguments.rest()) {
    Result<std::string> path = session.path(text);
    if (!path) return fail(std::move(path));
    Result<FileInfo> info = stat(session, *path);
    if (!info) return fail(std::move(info));
    if (out.json()) {
      Json json = file_json(*info);
      json["ack"] = ack_text(info->ack);
      out.object(std::move(json));
      continue;
    }
    bool directory = info->type == FileType::directory;
    std::vector<std::pair<std::string, std::string>> fields{{"path", out.name(info->path)},
                                                            {"type", directory ? "dir" : "file"}};
    std::string size = std::to_string(info->size);
    if (out.to_terminal() && info->size >= KiB) size += " (" + format_size(info->size) + ")";
    fields.insert(fields.end(), {{"size", size},
                                 {"replicas", std::to_string(info->replicas)},
                                 {"chunks", std::to_string(info->chunks)},
                                 {"ack", std::string(ack_text(info->ack))},
                                 {"modified", format_wall(info->mtime_ms)},
                                 {"inode", hex(info->inode)}});
    print_fields(out, fields);
  }
  return kOk;
}

}  // namespace

const Command kStat{
    .name = "stat",
    .group = "Files",
    .usage = "PATH...",
    .summary = "tells what the master knows of a file or directory",
    .help = "Example: stat /logs/today",
    .options = {},
    .arguments_min = 1,
    .arguments_max = 1000,
    .run = run,
};

}  // namespace gfs::cli
