#include "app/problem_page.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace guildhall::app {
namespace {

struct Problem {
    std::string_view code;
    std::string_view statuses;
    std::string_view meaning;
};

// In each group in alphabetical order.
constexpr auto kProblems = std::to_array<Problem>({
    // What every route may answer.
    {"conflict", "409", "The state of the resource does not allow this, or another request changed it. Read it again."},
    {"deadline_exceeded", "503, 504",
     "The request took too long. It may still be carried out: read the resource before you try again."},
    {"forbidden", "403", "The resource is known to you, but you may not do this."},
    {"gone", "410", "The resource was deleted."},
    {"header_too_large", "431", "The header is larger than the server takes. Send fewer or shorter fields."},
    {"idempotency_key_reused", "422",
     "The Idempotency-Key was used for another request. Use a new key for each new request."},
    {"idempotency_race", "409", "Two requests with one Idempotency-Key met. Send the request again."},
    {"idempotency_running", "409", "The first request with this Idempotency-Key still runs. Try again later."},
    {"insufficient_storage", "507", "The disk of the server is full. Nothing was changed."},
    {"internal", "500", "A fault of the server. Its log has the cause under the request_id of the problem."},
    {"invalid", "400", "The request cannot be read. The errors name each faulty field by its JSON pointer."},
    {"invalid_header", "400", "A header field has a value that cannot be read. The errors name it."},
    {"invalid_token", "401", "The access token is not valid or has expired. Refresh it or sign in."},
    {"malformed_request", "400", "The request is not HTTP/1.1 as RFC 9112 defines it. The connection ends."},
    {"method_not_allowed", "405", "The path does not have this method. The Allow header lists those that it has."},
    {"misdirected", "421", "The gateway does not answer for this host name."},
    {"no_such_route", "404", "There is no such path. The API document lists all paths."},
    {"not_found", "404", "The resource does not exist, or it is hidden from you."},
    {"not_implemented", "501", "The gateway does not know this transfer coding."},
    {"not_ready", "503", "The process is starting or draining, or a dependency that it needs is unavailable."},
    {"precondition_failed", "412",
     "The resource has another version than If-Match names. Read it again and repeat your change."},
    {"request_timeout", "408", "The request did not arrive in time."},
    {"session_revoked", "401", "The session has ended. Sign in."},
    {"target_too_long", "414", "The path and query are longer than the gateway takes."},
    {"too_large", "413", "The body is larger than the server takes. /v1/instance says how large it may be."},
    {"too_many_connections", "429, 503",
     "You, or all clients together, have as many connections as the server allows. Reuse connections."},
    {"too_many_requests", "429", "A rate limit is reached. Retry-After says when the next request is allowed."},
    {"unauthenticated", "401", "The route needs an access token. Sign in."},
    {"unavailable", "502, 503", "A dependency of this request is unavailable, or the server is busy. Try again."},
    {"unprocessable", "422", "The request can be read, but its meaning is refused. The errors name the fields."},
    {"unsupported_coding", "415", "The body is compressed. Send it as it is."},
    {"unsupported_media", "415", "The body has another type than the Accept header of the answer names."},
    // Accounts.
    {"account_disabled", "403", "An operator has disabled the account."},
    {"handle_taken", "409", "The handle belongs to another member or is reserved."},
    {"invalid_code", "422",
     "The mailed code is wrong, used or expired, or it does not belong to the token of the request. Ask for another."},
    {"invalid_credentials", "401, 403", "The e-mail address or the password is wrong."},
    {"invalid_refresh_token", "401", "The refresh token is unknown, was used before or has expired. Sign in."},
    {"invalid_registration", "422", "There is no such registration, or it has expired. Register again."},
    {"same_email", "422", "The account has this e-mail address already."},
    {"self_block", "422", "Nobody can block themself."},
    {"too_many_blocks", "422", "You block as many members as one may block."},
    // The network.
    {"already_connected", "409", "You are connected already."},
    {"already_invited", "409", "You have invited this member already."},
    {"bad_import", "422", "The network to be imported contradicts itself; the detail names the member."},
    {"connection_limit", "409", "You or the other member has as many connections as one may have."},
    {"connections_hidden", "403", "This member does not show you their connections."},
    {"cool_down", "409",
     "An invitation to this member was withdrawn or ignored. Retry-After says when the next may follow."},
    {"follow_limit", "409", "You follow as many members as one may follow."},
    {"graph_unavailable", "503", "The social graph is unavailable. Everything that does not need it works."},
    {"invitation_limit", "429", "You have sent as many invitations this week as one may send."},
    {"invitation_over", "409", "The invitation was answered before."},
    {"invitation_restricted", "403", "This member chose who may invite them."},
    {"invitation_withdrawn", "409", "The invitation was withdrawn."},
    {"self_follow", "422", "Nobody can follow themself."},
    {"self_invitation", "422", "Nobody can invite themself."},
    {"self_path", "422", "Nobody needs an introduction to themself."},
    {"too_many_pending", "409, 429", "Too many of your invitations wait for an answer. Withdraw some."},
});

constexpr std::string_view kBegin = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Guildhall API: problems</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 6rem; }
  dt { margin-top: 1.25rem; font: 600 1rem ui-monospace, monospace; }
  dt:target { outline: 2px solid; outline-offset: .25rem; }
  dt span { font-weight: normal; opacity: .7; }
  dd { margin: 0; }
</style>
<h1>Problems</h1>
<p>Every refusal is a problem document (RFC 9457, <code>application/problem+json</code>). Its <code>code</code> is
stable; its <code>type</code> leads to the entry on this page. <code>detail</code> says it in the words of the case,
<code>errors</code> names the faulty fields, and <code>request_id</code> finds the request in the log.
<a href="/docs">The API</a></p>
<dl>
)";

}  // namespace

std::string problem_page() {
    std::vector<Problem> problems(kProblems.begin(), kProblems.end());
    std::ranges::sort(problems, {}, &Problem::code);
    std::string page(kBegin);
    for (const Problem& problem : problems) {
        page.append("<dt id=\"").append(problem.code).append("\">").append(problem.code);
        page.append(" <span>").append(problem.statuses).append("</span></dt>\n<dd>");
        page.append(problem.meaning).append("</dd>\n");
    }
    return page + "</dl>\n</html>\n";
}

}  // namespace guildhall::app
