#include "services/connection/graph/compact_graph.hpp"

#include <algorithm>
#include <utility>

#include "platform/base/result.hpp"

namespace guildhall::connection {

void CompactGraph::put_members(std::span<const GraphMember> members) {
    for (const GraphMember& member : members) describe(find_or_add(member.id), member);
    sort_added();
}

void CompactGraph::remove_members(std::span<const UserId> members) {
    std::vector<MemberIndex> gone;
    for (const UserId id : members) {
        const MemberIndex at = find(id);
        if (at == kNobody) continue;
        for (const MemberIndex peer : peers_[at]) {
            erase_peer(peer, at);
            row_changed(peer);
        }
        directions_ -= 2 * peers_[at].size();
        index_.erase(id, ids_);
        forget(at);
        note(at);
        gone.push_back(at);
    }
    if (gone.empty()) return;
    std::erase_if(by_id_, [&](MemberIndex at) { return !is_known(at); });
    unused_.insert(unused_.end(), gone.begin(), gone.end());
}

void CompactGraph::set_edges(std::span<const GraphEdge> edges) {
    for (const GraphEdge& edge : edges) {
        if (edge.low == edge.high) continue;
        if (edge.is_connected) {
            const MemberIndex low = find_or_add(edge.low);
            connect(low, find_or_add(edge.high));
            continue;
        }
        const MemberIndex low = find(edge.low);
        const MemberIndex high = find(edge.high);
        if (low != kNobody && high != kNobody) disconnect(low, high);
    }
    sort_added();
}

std::vector<GraphEntry> CompactGraph::list(UserId after, std::size_t limit) const {
    const auto first = std::ranges::upper_bound(by_id_, after, {}, [&](MemberIndex at) { return ids_[at]; });
    const auto left = static_cast<std::size_t>(by_id_.end() - first);
    std::vector<GraphEntry> out;
    for (const MemberIndex at : std::span(first, std::min({limit, left, Graph::kMostChanges}))) {
        GraphEntry entry{.member = member(at), .peers = {}};
        entry.peers.reserve(peers_[at].size());
        for (const MemberIndex peer : peers_[at]) entry.peers.push_back(ids_[peer]);
        std::ranges::sort(entry.peers);
        out.push_back(std::move(entry));
    }
    return out;
}

bool CompactGraph::are_connected(MemberIndex a, MemberIndex b) const {
    if (peers_[a].size() > peers_[b].size()) std::swap(a, b);
    return std::ranges::binary_search(peers_[a], b);
}

GraphMember CompactGraph::member(MemberIndex member) const {
    return {.id = ids_[member],
            .place = std::string(texts_.text(places_[member])),
            .industry = std::string(texts_.text(industries_[member])),
            .hides_network = hides_network(member),
            .is_suggestable = is_suggestable(member)};
}

void CompactGraph::set(Bits& bits, MemberIndex member, bool value) {
    const std::uint64_t bit = std::uint64_t{1} << (member % 64);
    if (value) {
        bits[member / 64] |= bit;
    } else {
        bits[member / 64] &= ~bit;
    }
}

MemberIndex CompactGraph::find_or_add(UserId id) {
    MemberIndex at = find(id);
    if (at != kNobody) return at;
    if (unused_.empty()) {
        at = static_cast<MemberIndex>(capacity());
        fit(capacity() + 1);
    } else {
        at = unused_.back();
        unused_.pop_back();
    }
    ids_[at] = id;
    index_.insert(at, ids_);
    added_.push_back(at);
    note(at);
    return at;
}

void CompactGraph::sort_added() {
    if (added_.empty()) return;
    const auto by_id = [&](MemberIndex at) { return ids_[at]; };
    std::ranges::sort(added_, {}, by_id);
    if (by_id_.empty() || by_id(by_id_.back()) < by_id(added_.front())) {
        // Ids grow with time, so as a rule the new ones come last.
        by_id_.insert(by_id_.end(), added_.begin(), added_.end());
    } else {
        std::vector<MemberIndex> all(by_id_.size() + added_.size());
        std::ranges::merge(by_id_, added_, all.begin(), {}, by_id, by_id);
        by_id_ = std::move(all);
    }
    added_.clear();
}

void CompactGraph::fit(std::size_t capacity) {
    const std::size_t words = (capacity + 63) / 64;
    ids_.resize(capacity);
    peers_.resize(capacity);
    scores_.resize(capacity, static_cast<std::uint16_t>(shared_connection_score(0)));
    places_.resize(capacity);
    industries_.resize(capacity);
    hides_network_.resize(words);
    opted_out_.resize(words);
    if (is_watched_) is_changed_.resize(words);
}

void CompactGraph::describe(MemberIndex at, const GraphMember& member) {
    // Added before removed: an equal text stays where it is.
    const std::uint32_t place = texts_.add(member.place);
    const std::uint32_t industry = texts_.add(member.industry);
    texts_.remove(std::exchange(places_[at], place));
    texts_.remove(std::exchange(industries_[at], industry));
    set(hides_network_, at, member.hides_network);
    set(opted_out_, at, !member.is_suggestable);
    note(at);
}

void CompactGraph::forget(MemberIndex at) {
    describe(at, GraphMember{});
    std::vector<MemberIndex>().swap(peers_[at]);
    row_changed(at);
    ids_[at] = UserId{};
}

void CompactGraph::connect(MemberIndex a, MemberIndex b) {
    if (!insert_peer(a, b)) return;
    insert_peer(b, a);
    directions_ += 2;
    row_changed(a);
    row_changed(b);
}

void CompactGraph::disconnect(MemberIndex a, MemberIndex b) {
    if (!erase_peer(a, b)) return;
    erase_peer(b, a);
    directions_ -= 2;
    row_changed(a);
    row_changed(b);
}

bool CompactGraph::insert_peer(MemberIndex of, MemberIndex peer) {
    auto& row = peers_[of];
    auto at = std::ranges::lower_bound(row, peer);
    if (at != row.end() && *at == peer) return false;
    if (row.size() == row.capacity()) {
        // An eighth more, not twice as much: the rows are nearly all of the memory.
        const auto offset = at - row.begin();
        row.reserve(row.size() + row.size() / 8 + 2);
        at = row.begin() + offset;
    }
    row.insert(at, peer);
    return true;
}

bool CompactGraph::erase_peer(MemberIndex of, MemberIndex peer) {
    auto& row = peers_[of];
    const auto at = std::ranges::lower_bound(row, peer);
    if (at == row.end() || *at != peer) return false;
    row.erase(at);
    if (row.capacity() > 2 * row.size() + 8) std::vector<MemberIndex>(row).swap(row);
    return true;
}

void CompactGraph::row_changed(MemberIndex member) {
    scores_[member] = static_cast<std::uint16_t>(shared_connection_score(peers_[member].size()));
    note(member);
}

void CompactGraph::note(MemberIndex member) {
    if (!is_watched_ || has(is_changed_, member)) return;
    set(is_changed_, member, true);
    changed_.push_back(member);
}

void CompactGraph::watch_changes() {
    is_watched_ = true;
    is_changed_.assign((capacity() + 63) / 64, 0);
    changed_.clear();
}

std::vector<MemberIndex> CompactGraph::take_changed(bool is_last) {
    for (const MemberIndex member : changed_) set(is_changed_, member, false);
    if (is_last) {
        is_watched_ = false;
        Bits().swap(is_changed_);
    }
    return std::exchange(changed_, {});
}

void CompactGraph::restore(MemberIndex at, const GraphMember& member, std::vector<MemberIndex> peers) {
    if (at >= capacity()) fit(at + std::size_t{1});
    ids_[at] = member.id;
    describe(at, member);
    peers_[at] = std::move(peers);
}

void CompactGraph::restore_nobody(MemberIndex at) {
    if (at >= capacity()) fit(at + std::size_t{1});
    forget(at);
}

void CompactGraph::finish_restoring() {
    directions_ = 0;
    for (MemberIndex at = 0; at < capacity(); ++at) {
        if (!is_known(at)) {
            unused_.push_back(at);
            continue;
        }
        if (find(ids_[at]) != kNobody) throw Corrupt("two members of the graph have one id");
        index_.insert(at, ids_);
        added_.push_back(at);
        const auto& row = peers_[at];
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (row[i] >= capacity() || row[i] == at || (i > 0 && row[i] <= row[i - 1]) || !is_known(row[i]))
                throw Corrupt("connections of the graph are out of order");
        }
        directions_ += row.size();
        row_changed(at);
    }
    sort_added();
}

}  // namespace guildhall::connection
