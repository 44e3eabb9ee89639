#include "services/connection/connection_routes.hpp"

namespace guildhall::connection {

void add_connection_routes(http::Router& router, ConnectionService& service, sql::Database& keys) {
    using S = ConnectionService;
    router.set_service("connection");

    router.post("/v1/invitations", service, &S::invite)
        .signed_in()
        .idempotent(keys)
        .summary("Invite a member; when they have invited you, both are connected at once")
        .may_fail(Code::not_found, "there is no such member")
        .may_fail(Code::conflict, "already_connected, already_invited, or cool_down after a withdrawn invitation")
        .may_fail(Code::unprocessable, "self_invitation");
    router.get("/v1/invitations/received", service, &S::list_received)
        .signed_in()
        .summary("List pending invitations to you");
    router.get("/v1/invitations/sent", service, &S::list_sent).signed_in().summary("List your pending invitations");
    router.get("/v1/invitations/{invitation_id}", service, &S::find_invitation)
        .signed_in()
        .summary("Read an invitation to you or of yours")
        .may_fail(Code::not_found, "there is no such invitation");
    router.post("/v1/invitations/{invitation_id}/accept", service, &S::accept)
        .signed_in()
        .summary("Accept an invitation")
        .may_fail(Code::not_found, "there is no such invitation to you")
        .may_fail(Code::conflict,
                  "invitation_withdrawn, or invitation_over: you ignored it, or have disconnected since");
    router.post("/v1/invitations/{invitation_id}/ignore", service, &S::ignore)
        .signed_in()
        .summary("Take an invitation from your list; the inviter is not told")
        .may_fail(Code::not_found, "there is no such invitation to you")
        .may_fail(Code::conflict, "invitation_withdrawn, or invitation_over: it was accepted");
    router.remove("/v1/invitations/{invitation_id}", service, &S::withdraw)
        .signed_in()
        .summary("Withdraw your invitation; you cannot invite the same member again for three weeks")
        .may_fail(Code::not_found, "there is no such invitation of yours")
        .may_fail(Code::conflict, "invitation_over: it was accepted");

    router.get("/v1/connections", service, &S::list_connections).signed_in().summary("List or search your connections");
    router.remove("/v1/connections/{user_id}", service, &S::disconnect)
        .signed_in()
        .summary("End a connection; the other is not told")
        .may_fail(Code::not_found, "you are not connected");
    router.get("/v1/users/{user_id}/connections", service, &S::list_connections_of)
        .signed_in()
        .summary("List the connections of a member you are connected with")
        .may_fail(Code::not_found, "there is no such member")
        .may_fail(Code::forbidden, "connections_hidden: you are not connected");
    router.get("/v1/users/{user_id}/mutual-connections", service, &S::list_mutual)
        .signed_in()
        .summary("List and count whom you and a member are both connected with")
        .may_fail(Code::not_found, "there is no such member");
    router.get("/v1/relationships", service, &S::list_relationships)
        .signed_in()
        .summary("What up to 100 members are to you");
}

}  // namespace guildhall::connection
