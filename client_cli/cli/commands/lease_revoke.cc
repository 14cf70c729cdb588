#include "client_cli/cli/chunk_handle.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/request_option.h"

namespace gfs::cli {

namespace {

using Revoked = bus::RevokeLease::Reply;

Result<int> run(Session& session, const Arguments& arguments) {
  Result<ChunkHandle> handle = parse_handle(arguments[0]);
  if (!handle) return fail(std::move(handle));
  auto revoke = [handle = *handle](Filesystem& filesystem) { return filesystem.revoke_lease(handle); };
  Result<Revoked> revoked = mutate<Revoked>(session, arguments, 1, revoke);
  if (!revoked) return fail(std::move(revoked));
  Json json{{"handle", hex(*handle)}, {"version", revoked->version.value}, {"primary", nullptr}};
  if (!revoked->primary.nil()) json["primary"] = revoked->primary.text();
  tell_mutation(session, arguments, std::move(json));
  return kOk;
}

}  // namespace

const Command kLeaseRevoke{
    .name = "lease revoke",
    .group = "Cluster",
    .usage = "HANDLE",
    .summary = "takes a chunk's lease from its primary at once",
    .help =
        "The chunk gets its next version, with another primary if there is one; the old one can apply nothing more.\n"
        "Writes that are under way are repeated there by their clients.\n"
        "Example: lease revoke 00000000000000a1",
    .options = with_request_options(),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
