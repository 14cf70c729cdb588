#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/remote_stream.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  for (const std::string& text : arguments.rest()) {
    Result<std::string> path = session.path(text);
    if (!path) return fail(std::move(path));
    RemoteReader reader(session);
    Result<> opened = reader.open(*path);
    if (!opened) return fail(std::move(opened));
    while (true) {
      Result<Bytes> piece = reader.next();
      if (!piece) return fail(std::move(piece));
      if (piece->empty()) break;
      session.out().data(piece->view());
      Result<> written = session.out().flush();
      if (!written) return fail(std::move(written));
    }
  }
  return kOk;
}

}  // namespace

const Command kCat{
    .name = "cat",
    .group = "Files",
    .usage = "PATH...",
    .summary = "writes files to standard output",
    .help = "Bytes as they are, nothing else.\nExample: cat /logs/today | grep error",
    .options = {},
    .arguments_min = 1,
    .arguments_max = 1000,
    .run = run,
};

}  // namespace gfs::cli
