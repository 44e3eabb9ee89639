#include "services/connection/connection_routes.hpp"

namespace guildhall::connection {

void add_routes(http::Router& router, Routed to) {
    using S = ConnectionService;
    ConnectionService* service = to.connections;

    router.post("/v1/invitations", service, &S::invite)
        .signed_in()
        .idempotent()
        .summary("Invite a member; when they have invited you, both are connected at once")
        .may_fail(Code::not_found, "there is no such member")
        .may_fail(Code::forbidden, "invitation_restricted: the member chose who may invite them")
        .may_fail(Code::conflict,
                  "already_connected, already_invited, cool_down after a withdrawn invitation, connection_limit, or "
                  "too_many_pending")
        .may_fail(Code::too_many_requests,
                  "invitation_limit: as many as one can send in a week; Retry-After says until when")
        .may_fail(Code::unprocessable, "self_invitation");
    router.get("/v1/invitations/received", service, &S::list_received)
        .signed_in()
        .named("listReceivedInvitations")
        .summary("List pending invitations to you");
    router.get("/v1/invitations/sent", service, &S::list_sent)
        .signed_in()
        .named("listSentInvitations")
        .summary("List your pending invitations");
    router.get("/v1/invitations/{invitation_id}", service, &S::find_invitation)
        .signed_in()
        .etag()
        .summary("Read an invitation to you or of yours")
        .may_fail(Code::not_found, "there is no such invitation");
    router.post("/v1/invitations/{invitation_id}/accept", service, &S::accept)
        .signed_in()
        .summary("Accept an invitation")
        .may_fail(Code::not_found, "there is no such invitation to you")
        .may_fail(
            Code::conflict,
            "invitation_withdrawn, connection_limit, or invitation_over: you ignored it, or have disconnected since");
    router.post("/v1/invitations/{invitation_id}/ignore", service, &S::ignore)
        .signed_in()
        .summary("Take an invitation from your list; the inviter is not told")
        .may_fail(Code::not_found, "there is no such invitation to you")
        .may_fail(Code::conflict, "invitation_withdrawn, or invitation_over: it was accepted");
    router.remove("/v1/invitations/{invitation_id}", service, &S::withdraw)
        .signed_in()
        .named("withdrawInvitation")
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
        .may_fail(Code::forbidden, "connections_hidden: you are not connected, or the member hides them");
    router.get("/v1/users/{user_id}/mutual-connections", service, &S::list_mutual)
        .signed_in()
        .named("listMutualConnections")
        .summary("List and count whom you and a member are both connected with")
        .may_fail(Code::not_found, "there is no such member");
    router.get("/v1/relationships", service, &S::list_relationships)
        .signed_in()
        .summary("What up to 100 members are to you");

    FollowService* follows = to.follows;
    router.put("/v1/users/{user_id}/follow", follows, &FollowService::follow)
        .signed_in()
        .named("followUser")
        .summary("Follow a member: their posts come to your feed, as far as you may see them")
        .may_fail(Code::not_found, "there is no such member")
        .may_fail(Code::conflict, "follow_limit")
        .may_fail(Code::unprocessable, "self_follow");
    router.remove("/v1/users/{user_id}/follow", follows, &FollowService::unfollow)
        .signed_in()
        .named("unfollowUser")
        .summary("Follow a member no longer; a connection stays, and is not told")
        .may_fail(Code::not_found, "there is no such member");
    router.get("/v1/users/me/following", follows, &FollowService::list_following)
        .signed_in()
        .named("listFollowedUsers")
        .summary("List whom you follow, connections among them");
    router.get("/v1/users/me/followers", follows, &FollowService::list_followers)
        .signed_in()
        .named("listFollowers")
        .summary("List who follows you, connections among them");

    MemberService* members = to.members;
    router.get("/v1/users/me/network-settings", members, &MemberService::settings)
        .signed_in()
        .etag()
        .summary("Who may invite you, and what others see of your network");
    router.patch("/v1/users/me/network-settings", members, &MemberService::change_settings)
        .signed_in()
        .summary("Change them (JSON Merge Patch)");

    GraphService* graph = to.graph;
    constexpr std::string_view kUnavailable = "graph_unavailable: the social graph cannot be asked at the moment";
    router.get("/v1/degrees", graph, &GraphService::list_degrees)
        .signed_in()
        .summary("How many steps up to 100 members are away from you")
        .may_fail(Code::unavailable, std::string(kUnavailable));
    router.get("/v1/suggestions/people", graph, &GraphService::list_suggestions)
        .signed_in()
        .named("listPeopleSuggestions")
        .summary("People you may know, best first, each with the reasons")
        .may_fail(Code::unavailable, std::string(kUnavailable));
    router.remove("/v1/suggestions/people/{user_id}", graph, &GraphService::dismiss)
        .signed_in()
        .named("dismissPeopleSuggestion")
        .summary("Never suggest this member to you again")
        .may_fail(Code::not_found, "there is no such member");
    router.get("/v1/users/{user_id}/introduction-paths", graph, &GraphService::list_paths)
        .signed_in()
        .named("listIntroductionPaths")
        .summary("Who could introduce you to a member: the best chains of connections")
        .may_fail(Code::not_found, "there is no such member")
        .may_fail(Code::unprocessable, "self_path")
        .may_fail(Code::unavailable, std::string(kUnavailable));
    router.get("/v1/users/me/network-stats", graph, &GraphService::stats)
        .signed_in()
        .summary("How large your network is, and how it grew")
        .may_fail(Code::unavailable, std::string(kUnavailable));
}

}  // namespace guildhall::connection
