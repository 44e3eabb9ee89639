#pragma once

#include <optional>
#include <span>
#include <vector>

#include "platform/base/clock.hpp"
#include "platform/base/cursor.hpp"
#include "platform/http/caller.hpp"
#include "services/connection/cached_members.hpp"
#include "services/connection/cached_network.hpp"
#include "services/connection/connection_api.hpp"
#include "services/connection/graph/graph.hpp"
#include "services/connection/graph/graph_keeper.hpp"
#include "services/connection/network_api.hpp"
#include "services/connection/public/degrees.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::connection {

/// What members ask of the graph: degrees, people they may know, introduction paths, the size of their network. The
/// tables have the last word: members with whom the caller has to do already, as they say, are not suggested, however
/// the graph lags. Errors of all: unavailable (graph_unavailable). Thread-safe.
class GraphService final : public Degrees {
public:
    /// What it works with; all of it lives longer.
    struct Parts {
        Graph& graph;
        const GraphKeeper& keeper;
        ConnectionStore& store;
        MemberStore& members;
        CachedMembers& cached_members;
        CachedNetwork& network;
        user::Directory& directory;
        const Clock& clock;
    };
    explicit GraphService(Parts parts) : parts_(parts) {}

    /// The degrees of up to 100 members, in the order asked.
    Task<Result<Page<MemberDegree>>> list_degrees(http::Caller caller, AskRelationships query);
    Task<DegreeList> degrees(UserId viewer, std::vector<UserId> members) override;
    CachedDegree cached_degree(UserId viewer, UserId member) override;

    /// People whom the caller may know, best first.
    Task<Result<Page<PersonSuggestion>>> list_suggestions(http::Caller caller, ListSuggestions query);
    /// Never suggests `user` to the caller again. Again: no change. Errors: not_found.
    Task<Result<void>> dismiss(http::Caller caller, UserId user);

    /// The best paths to `user`. Errors: not_found; unprocessable (self_path).
    Task<Result<Page<IntroductionPath>>> list_paths(http::Caller caller, UserId user, ListPaths query);

    /// The size of the caller's network, and how it grew.
    Task<Result<NetworkStats>> stats(http::Caller caller);

private:
    struct FoundDegrees {
        DegreeList degrees;
        std::optional<Error> failure;  // why those beyond 1 are not among them
    };
    /// What the graph answers, or why it does not.
    template <class T>
    Task<Result<T>> asked(Task<T> question);
    Task<Viewer> viewer_of(UserId user);
    Task<FoundDegrees> find_degrees(UserId viewer, std::vector<UserId> members);
    Task<Result<std::vector<Suggestion>>> suggest(Viewer viewer, std::size_t limit);
    Task<Ids> not_to_suggest(UserId viewer, std::span<const Suggestion> suggestions);

    const Parts parts_;
};

}  // namespace guildhall::connection
