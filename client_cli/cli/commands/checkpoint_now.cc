#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"

namespace gfs::cli {

namespace {

using Written = bus::Checkpoint::Reply;

Result<int> run(Session& session, const Arguments&) {
  Output& out = session.out();
  auto ask = [](Filesystem& filesystem) { return filesystem.checkpoint(); };
  Result<Written> written = session.run<Written>(ask);
  if (!written) return fail(std::move(written));
  if (out.json()) {
    out.object({{"index", written->index},
                {"bytes", written->bytes},
                {"took_ms", written->took_ms},
                {"log_from", written->log_from}});
  } else if (out.to_terminal()) {
    out.line(fmt::format("index {}, {} in {}; the log begins at index {}", written->index, format_size(written->bytes),
                         format_duration(std::chrono::milliseconds(written->took_ms)), written->log_from));
  } else {
    out.line(fmt::format("{}\t{}\t{}\t{}", written->index, written->bytes, written->took_ms, written->log_from));
  }
  return kOk;
}

}  // namespace

const Command kCheckpointNow{
    .name = "checkpoint now",
    .group = "Cluster",
    .usage = "",
    .summary = "has the master write its state down, so that a restart needs no older log",
    .help =
        "Otherwise this happens whenever the log has grown by checkpoint_after (256MiB). The last two are kept, and "
        "the\n"
        "log behind the older one. In a pipe: index, bytes, milliseconds, first index of the log; tab-separated.\n"
        "Example: checkpoint now",
    .options = {},
    .run = run,
};

}  // namespace gfs::cli
