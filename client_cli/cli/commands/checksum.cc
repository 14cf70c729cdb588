#include "base/crc32c.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/paths.h"
#include "client_cli/cli/remote_stream.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  for (const std::string& text : arguments.rest()) {
    Result<std::string> path = session.path(text);
    if (!path) return fail(std::move(path));
    RemoteReader reader(session);
    Result<> opened = reader.open(*path);
    if (!opened) return fail(std::move(opened));
    Progress progress(out, std::string(base_name(*path)), reader.size());
    std::uint32_t sum = 0;
    std::uint64_t bytes = 0;
    while (true) {
      Result<Bytes> piece = reader.next();
      if (!piece) return fail(std::move(piece));
      if (piece->empty()) break;
      sum = crc32c(piece->span(), sum);
      bytes += piece->size();
      progress.add(piece->size());
    }
    std::string hex_sum = fmt::format("{:08x}", sum);
    if (out.json()) {
      out.object({{"path", *path}, {"size", bytes}, {"crc32c", hex_sum}});
    } else {
      out.line(hex_sum + "  " + out.name(*path));
    }
  }
  return kOk;
}

}  // namespace

const Command kChecksum{
    .name = "checksum",
    .group = "Files",
    .usage = "PATH...",
    .summary = "computes the CRC32C of files",
    .help = "Reads them whole; every block is verified on the way.\nExample: checksum /backup/disk.img",
    .options = {},
    .arguments_min = 1,
    .arguments_max = 1000,
    .run = run,
};

}  // namespace gfs::cli
