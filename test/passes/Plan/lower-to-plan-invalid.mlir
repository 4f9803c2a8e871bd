// RUN: mm1-opt %s --mm1-specialize-buckets="max-sequences=1 prefill-tokens=16" --mm1-lower-to-plan --split-input-file --verify-diagnostics

// expected-error @+1 {{expects an 'mm1.entry' of "decode", "prefill" or "head"}}
func.func @f(%tokens: tensor<?xi32> {mm1.name = "tokens"}) {
  return
}

// -----

// expected-error @+1 {{expects argument 0 to have an 'mm1.name' of tokens, positions, rows, slots, pages, starts, hidden, vocabulary_mask, candidate_counts, inverse_temperatures, found x}}
func.func @f(%tokens: tensor<?xi32> {mm1.name = "x"}) attributes {mm1.entry = "decode"} {
  return
}

// -----

// expected-error @+1 {{expects argument 0 to have an 'mm1.name' of tokens, positions, rows, slots, pages, starts, hidden, vocabulary_mask, candidate_counts, inverse_temperatures, found nothing}}
func.func @f(%tokens: tensor<?xi32>) attributes {mm1.entry = "decode"} {
  return
}

// -----

func.func @outside(%hidden: tensor<?x32xf32> {mm1.name = "hidden"}) -> (tensor<?x32xf32> {mm1.name = "logits"}) attributes {mm1.entry = "head"} {
  // expected-error @+1 {{stands outside of a cluster; the plan has no launch for it (run the fuse phase first)}}
  %y = mm1.silu %hidden : tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

func.func @no_schedule(%hidden: tensor<?x32xf32> {mm1.name = "hidden"}) -> (tensor<?x32xf32> {mm1.name = "logits"}) attributes {mm1.entry = "head"} {
  // expected-error @+1 {{expects a schedule: run schedule-clusters}}
  %y = mm1.cluster elementwise (%hidden) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
  return %y : tensor<?x32xf32>
}

// -----

func.func @returns_its_argument(%hidden: tensor<?x32xf32> {mm1.name = "hidden"}) -> (tensor<?x32xf32> {mm1.name = "logits"}) attributes {mm1.entry = "head"} {
  // expected-error @+1 {{expects result 0 to be a value that a cluster made, returned once}}
  return %hidden : tensor<?x32xf32>
}

// -----

// expected-error @+1 {{expects result 0 to have an 'mm1.name' of hidden, logits, candidate_values, candidate_ids, candidate_sums, found x}}
func.func @unknown_result(%hidden: tensor<?x32xf32> {mm1.name = "hidden"}) -> (tensor<?x32xf32> {mm1.name = "x"}) attributes {mm1.entry = "head"} {
  return %hidden : tensor<?x32xf32>
}

// -----

// The kernel writes the state whether the cluster yields it or not.
mm1.weight @slopes : tensor<1xf32> = #mm1.recipe<sources = [#mm1.source<"s" : tensor<1xf32>>], steps = []>
mm1.state recurrent @state : tensor<?x1x4x4xf32>
func.func @dropped_state(%hidden: tensor<?x12xf32> {mm1.name = "hidden"}, %v: tensor<?xi32> {mm1.name = "positions"})
    -> (tensor<?x4xf32> {mm1.name = "hidden"}) attributes {mm1.entry = "decode"} {
  %w = mm1.load_weight @slopes : tensor<1xf32>
  %s = mm1.load_state @state : tensor<?x1x4x4xf32>
  // expected-error @+1 {{changes @state in place, but does not yield its next value; yield it, and store it behind the cluster}}
  %o = mm1.cluster recurrence (%hidden, %w, %s, %v) schedule {tasks = 1 : i64, unit = "sequences", per = 1 : i64}
      : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>) -> tensor<?x4xf32> {
  ^bb0(%a: tensor<?x12xf32>, %b: tensor<1xf32>, %c: tensor<?x1x4x4xf32>, %d: tensor<?xi32>):
    %0, %1 = mm1.lightning_attention %a, %b, %c batch(%d, %d, %d)
        : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
          -> (tensor<?x4xf32>, tensor<?x1x4x4xf32>)
    mm1.yield %0 : tensor<?x4xf32>
  }
  return %o : tensor<?x4xf32>
}

// -----

// States: read after the change, and changed without a store.
mm1.state kv_pages @cache : tensor<?x2x1x64x32xf32>
func.func @old_value(%hidden: tensor<?x32xf32> {mm1.name = "hidden"}, %starts: tensor<?xi32> {mm1.name = "starts"},
    %positions: tensor<?xi32> {mm1.name = "positions"}, %pages: tensor<?x?xi32> {mm1.name = "pages"}) -> (tensor<?x32xf32> {mm1.name = "hidden"})
    attributes {mm1.entry = "decode"} {
  %c = mm1.load_state @cache : tensor<?x2x1x64x32xf32>
  %c1 = mm1.cluster cache_append (%hidden, %c, %starts, %positions, %pages) schedule {tasks = 1 : i64, unit = "sequences", per = 1 : i64}
      : (tensor<?x32xf32>, tensor<?x2x1x64x32xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x1x64x32xf32> {
  ^bb0(%h: tensor<?x32xf32>, %d: tensor<?x2x1x64x32xf32>, %s: tensor<?xi32>, %p: tensor<?xi32>, %t: tensor<?x?xi32>):
    %0 = mm1.cache_append %h, %h, %d batch(%s, %s, %p, %t)
        : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x2x1x64x32xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x1x64x32xf32>
    mm1.yield %0 : tensor<?x2x1x64x32xf32>
  }
  mm1.store_state %c1, @cache : tensor<?x2x1x64x32xf32>
  // expected-error @+1 {{reads a value of @cache that was overwritten in place}}
  %o = mm1.cluster attention (%hidden, %c, %starts, %positions, %pages) schedule {tasks = 1 : i64, unit = "tokens", per = 1 : i64}
      : (tensor<?x32xf32>, tensor<?x2x1x64x32xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x32xf32> {
  ^bb0(%h: tensor<?x32xf32>, %d: tensor<?x2x1x64x32xf32>, %s: tensor<?xi32>, %p: tensor<?xi32>, %t: tensor<?x?xi32>):
    %0 = mm1.softmax_attention %h, %d batch(%s, %s, %p, %t) scale = 0.25
        : (tensor<?x32xf32>, tensor<?x2x1x64x32xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
  return %o : tensor<?x32xf32>
}

// -----

mm1.state kv_pages @cache : tensor<?x2x1x64x32xf32>
func.func @never_stored(%hidden: tensor<?x32xf32> {mm1.name = "hidden"}, %starts: tensor<?xi32> {mm1.name = "starts"},
    %positions: tensor<?xi32> {mm1.name = "positions"}, %pages: tensor<?x?xi32> {mm1.name = "pages"}) -> (tensor<?x32xf32> {mm1.name = "hidden"})
    attributes {mm1.entry = "decode"} {
  %c = mm1.load_state @cache : tensor<?x2x1x64x32xf32>
  // expected-error @+1 {{changes @cache, but no 'mm1.store_state' follows: states change in place}}
  %c1 = mm1.cluster cache_append (%hidden, %c, %starts, %positions, %pages) schedule {tasks = 1 : i64, unit = "sequences", per = 1 : i64}
      : (tensor<?x32xf32>, tensor<?x2x1x64x32xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x1x64x32xf32> {
  ^bb0(%h: tensor<?x32xf32>, %d: tensor<?x2x1x64x32xf32>, %s: tensor<?xi32>, %p: tensor<?xi32>, %t: tensor<?x?xi32>):
    %0 = mm1.cache_append %h, %h, %d batch(%s, %s, %p, %t)
        : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x2x1x64x32xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x1x64x32xf32>
    mm1.yield %0 : tensor<?x2x1x64x32xf32>
  }
  %o = mm1.cluster attention (%hidden, %c1, %starts, %positions, %pages) schedule {tasks = 1 : i64, unit = "tokens", per = 1 : i64}
      : (tensor<?x32xf32>, tensor<?x2x1x64x32xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x32xf32> {
  ^bb0(%h: tensor<?x32xf32>, %d: tensor<?x2x1x64x32xf32>, %s: tensor<?xi32>, %p: tensor<?xi32>, %t: tensor<?x?xi32>):
    %0 = mm1.softmax_attention %h, %d batch(%s, %s, %p, %t) scale = 0.25
        : (tensor<?x32xf32>, tensor<?x2x1x64x32xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
  return %o : tensor<?x32xf32>
}

// -----

mm1.state kv_pages @a : tensor<?x2x1x64x32xf32>
// expected-error @+1 {{has pages of 32 tokens, but others have 64}}
mm1.state kv_pages @b : tensor<?x2x1x32x32xf32>
