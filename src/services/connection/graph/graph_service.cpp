#include "services/connection/graph/graph_service.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <unordered_map>
#include <utility>

#include <spdlog/spdlog.h>

namespace guildhall::connection {
namespace {

constexpr std::size_t kHintedDismissals = 1000;  // the last ones, which the graph leaves out by itself
constexpr std::size_t kPairsInQuestion = 100;    // what the store takes
constexpr int kMostSuggestRounds = 8;
constexpr std::chrono::weeks kGrowthShown{52};

Error graph_unavailable() {
    return {Code::unavailable,
            "the social graph cannot be asked at the moment; connecting and lists of connections go on",
            "graph_unavailable"};
}

/// The cards of members, looked up together.
class Cards {
public:
    explicit Cards(user::Directory& directory) : directory_(directory) {}

    Task<void> load(std::vector<UserId> ids) {
        std::ranges::sort(ids);
        ids.erase(std::ranges::unique(ids).begin(), ids.end());
        const auto found = co_await directory_.cards_of_all(ids);
        for (std::size_t i = 0; i < ids.size(); ++i)
            if (found[i]) cards_.emplace(ids[i], found[i]);
    }
    /// Null when there is none.
    const user::Card* find(UserId id) const {
        const auto found = cards_.find(id);
        return found == cards_.end() ? nullptr : found->second.get();
    }

private:
    user::Directory& directory_;
    std::unordered_map<UserId, user::CardPointer> cards_;
};

std::vector<Reason> reasons_of(const Suggestion& suggestion, const Cards& cards) {
    std::vector<Reason> reasons;
    if (suggestion.shared_count > 0) {
        Reason shared{ReasonKind::shared_connections, suggestion.shared_score, suggestion.shared_count, {}};
        for (const UserId id : suggestion.shared)
            if (const user::Card* card = cards.find(id)) shared.members.push_back(*card);
        reasons.push_back(std::move(shared));
    }
    if (suggestion.is_same_place) reasons.push_back({ReasonKind::same_place, kPlaceScore, 0, {}});
    if (suggestion.is_same_industry) reasons.push_back({ReasonKind::same_industry, kIndustryScore, 0, {}});
    if (reasons.empty()) reasons.push_back({ReasonKind::well_connected, 0, 0, {}});
    return reasons;
}

std::optional<std::int64_t> number_of(std::optional<std::size_t> count) {
    return count ? std::optional(static_cast<std::int64_t>(*count)) : std::nullopt;
}

}  // namespace

template <class T>
Task<Result<T>> GraphService::asked(Task<T> question) {
    if (!parts_.keeper.is_made()) co_return graph_unavailable();
    try {
        co_return co_await std::move(question);
    } catch (const Unavailable& why) {
        spdlog::debug("graph: {}", why.what());
    }
    co_return graph_unavailable();
}

Task<Viewer> GraphService::viewer_of(UserId user) {
    const auto hidden = co_await parts_.directory.hidden_from(user);
    Viewer viewer{user, Ids(hidden->begin(), hidden->end())};
    std::ranges::sort(viewer.hidden);
    co_return viewer;
}

Task<GraphService::FoundDegrees> GraphService::find_degrees(UserId viewer, std::vector<UserId> members) {
    const auto connections = co_await parts_.network.connections_of(viewer);
    Viewer who = co_await viewer_of(viewer);
    FoundDegrees found{first_degrees(viewer, *connections, members), {}};
    std::vector<UserId> others;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < members.size(); ++i) {
        const bool is_hidden = contains(who.hidden, members[i]);
        if (is_hidden) found.degrees[i].reset();
        if (found.degrees[i] || is_hidden) continue;
        others.push_back(members[i]);
        places.push_back(i);
    }
    if (others.empty()) co_return found;
    auto further = co_await asked(parts_.graph.degrees(std::move(who), std::move(others)));
    if (!further) {
        found.failure = std::move(further.error());
        co_return found;
    }
    // Who was a connection until a moment ago is one no longer, though the graph may not know yet.
    for (std::size_t i = 0; i < places.size(); ++i)
        if ((*further)[i] && *(*further)[i] > 1) found.degrees[places[i]] = (*further)[i];
    co_return found;
}

Task<DegreeList> GraphService::degrees(UserId viewer, std::vector<UserId> members) {
    FoundDegrees found = co_await find_degrees(viewer, std::move(members));
    co_return std::move(found.degrees);
}

CachedDegree GraphService::cached_degree(UserId viewer, UserId member) {
    const auto connections = parts_.network.cached_connections_of(viewer);
    if (!connections) return {};
    if (const auto first = first_degree(viewer, *connections, member)) return first;
    CachedDegree degree = parts_.keeper.is_made() ? parts_.graph.cached_degree(viewer, member) : CachedDegree();
    if (degree && *degree && **degree < 2) degree->reset();  // as in find_degrees()
    return degree;
}

Task<Result<Page<MemberDegree>>> GraphService::list_degrees(http::Caller caller, AskRelationships query) {
    const FoundDegrees found = co_await find_degrees(caller.id, query.ids.items);
    if (found.failure) co_return *found.failure;
    Page<MemberDegree> page;
    page.items.reserve(found.degrees.size());
    for (std::size_t i = 0; i < found.degrees.size(); ++i) page.items.push_back({query.ids.items[i], found.degrees[i]});
    co_return page;
}

Task<Result<Page<PersonSuggestion>>> GraphService::list_suggestions(http::Caller caller, ListSuggestions query) {
    auto found = co_await suggest(co_await viewer_of(caller.id), static_cast<std::size_t>(query.limit.value));
    if (!found) co_return found.error();
    const std::vector<Suggestion>& suggestions = *found;

    std::vector<UserId> people;
    for (const Suggestion& suggestion : suggestions) {
        people.push_back(suggestion.id);
        people.insert(people.end(), suggestion.shared.begin(), suggestion.shared.end());
    }
    Cards cards(parts_.directory);
    co_await cards.load(std::move(people));
    Page<PersonSuggestion> page;
    for (const Suggestion& suggestion : suggestions)
        if (const user::Card* card = cards.find(suggestion.id))
            page.items.push_back({*card, suggestion.score, reasons_of(suggestion, cards)});
    co_return page;
}

/// Asks the graph, and again without those whom the tables forbid, until there are enough or no more.
Task<Result<std::vector<Suggestion>>> GraphService::suggest(Viewer viewer, std::size_t limit) {
    Ids excluded = co_await parts_.members.list_last_dismissed(viewer.id, kHintedDismissals);
    std::ranges::sort(excluded);
    std::vector<Suggestion> found;
    for (int round = 0; round < kMostSuggestRounds; ++round) {
        const std::size_t count = round == 0 ? limit : Graph::kMostSuggestions;
        auto answer = co_await asked(parts_.graph.suggest(viewer, excluded, count));
        if (!answer) co_return answer.error();
        std::vector<Suggestion> some = std::move(*answer);
        const bool is_end = some.size() < count;
        const Ids forbidden = co_await not_to_suggest(viewer.id, some);
        std::erase_if(some, [&](const Suggestion& suggestion) { return contains(forbidden, suggestion.id); });
        found = std::move(some);
        if (is_end || forbidden.empty() || found.size() >= limit) break;
        Ids more;
        std::ranges::set_union(excluded, forbidden, std::back_inserter(more));
        excluded = std::move(more);
    }
    if (found.size() > limit) found.resize(limit);
    co_return found;
}

/// Those who have opted out, whom the viewer has dismissed, is connected with, or has an open invitation with, ignored
/// or not, and of whose connections by which they are suggested one is hidden by now; ascending.
Task<Ids> GraphService::not_to_suggest(UserId viewer, std::span<const Suggestion> suggestions) {
    if (suggestions.empty()) co_return Ids{};
    std::vector<UserId> candidates;
    for (const Suggestion& suggestion : suggestions) candidates.push_back(suggestion.id);
    Ids forbidden = co_await parts_.members.list_dismissed(viewer, candidates);
    std::vector<UserId> shared;
    for (const Suggestion& suggestion : suggestions)
        shared.insert(shared.end(), suggestion.shared.begin(), suggestion.shared.end());
    const Ids hiding = co_await parts_.cached_members.hiding(std::move(shared));
    const auto hides = [&](UserId id) { return contains(hiding, id); };
    const auto members = co_await parts_.cached_members.members(candidates);
    for (std::size_t i = 0; i < members.size(); ++i) {
        const bool is_hiding = (members[i]->hides_connections && suggestions[i].shared_count > 0) ||
                               std::ranges::any_of(suggestions[i].shared, hides);
        if (!members[i]->is_suggestable || is_hiding) forbidden.push_back(candidates[i]);
    }
    for (std::span<const UserId> rest = candidates; !rest.empty();) {
        const auto batch = rest.first(std::min(rest.size(), kPairsInQuestion));
        rest = rest.subspan(batch.size());
        for (const Pair& pair : co_await parts_.store.list_pairs(viewer, {batch.begin(), batch.end()}))
            if (pair.state != PairState::none || pair.is_blocked()) forbidden.push_back(pair.other(viewer));
    }
    std::ranges::sort(forbidden);
    forbidden.erase(std::ranges::unique(forbidden).begin(), forbidden.end());
    co_return forbidden;
}

Task<Result<void>> GraphService::dismiss(http::Caller caller, UserId user) {
    if (user == caller.id || !co_await parts_.directory.exists_for(caller.id, user)) co_return user::no_such_member();
    auto remember = [&](sql::Transaction& tx) -> Task<Result<void>> {
        co_await parts_.members.insert_dismissal(tx, caller.id, user, parts_.clock.now());
        co_return Result<void>{};
    };
    co_return co_await parts_.members.database().transact<void>(remember);
}

Task<Result<Page<IntroductionPath>>> GraphService::list_paths(http::Caller caller, UserId user, ListPaths query) {
    if (user == caller.id) co_return Error{Code::unprocessable, "you need no introduction to yourself", "self_path"};
    if (!co_await parts_.directory.exists_for(caller.id, user)) co_return user::no_such_member();
    auto paths = co_await asked(parts_.graph.paths(co_await viewer_of(caller.id), user,
                                                   static_cast<std::size_t>(query.limit.value), query.max_hops.value));
    if (!paths) co_return paths.error();

    std::vector<UserId> people;
    for (const Path& path : *paths) people.insert(people.end(), path.members.begin() + 1, path.members.end());
    const Ids hiding = co_await parts_.cached_members.hiding(people);
    people.push_back(caller.id);
    Cards cards(parts_.directory);
    co_await cards.load(std::move(people));
    Page<IntroductionPath> page;
    for (const Path& path : *paths) {
        // Paths through members who hide their connections since the last update of the graph are left out.
        const auto hides = [&](UserId id) { return contains(hiding, id); };
        if (path.members.size() > 2 && std::any_of(path.members.begin() + 1, path.members.end(), hides)) continue;
        IntroductionPath shown{static_cast<std::int64_t>(path.members.size()) - 1, path.score, {}};
        for (const UserId id : path.members)
            if (const user::Card* card = cards.find(id)) shown.members.push_back(*card);
        if (shown.members.size() == path.members.size()) page.items.push_back(std::move(shown));
    }
    co_return page;
}

Task<Result<NetworkStats>> GraphService::stats(http::Caller caller) {
    const auto size = co_await asked(parts_.graph.network_size(co_await viewer_of(caller.id)));
    if (!size) co_return size.error();
    NetworkStats stats{static_cast<std::int64_t>(size->first), number_of(size->second), number_of(size->third), {}};
    const Time since = parts_.clock.now() - kGrowthShown;
    for (const auto& week : co_await parts_.store.list_growth(caller.id, since))
        stats.growth.push_back({week.began_at, week.connections});
    co_return stats;
}

}  // namespace guildhall::connection
