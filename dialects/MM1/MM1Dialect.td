//===- MM1Dialect.td - The dialect itself -------------------*- tablegen -*-===//
#ifndef MM1_DIALECT_TD
#define MM1_DIALECT_TD

include "mlir/IR/OpBase.td"

def MM1_Dialect : Dialect {
  let name = "mm1";
  let cppNamespace = "::mlir::mm1";
  let summary = "Blocks of hybrid MoE / lightning-attention language models, on tensors";
  let description = [{
    One op per block of the published network, in the network's own words. Values are tensors with
    the tokens of all sequences of a batch in their first dimension (`?`, called T); weights are
    symbols with a recipe that says how to make them from the checkpoint; state (lightning matrices,
    KV pages) is a symbol too, loaded, passed through ops as a value and stored again.

    A batch is ragged. Sequence b owns the tokens `starts[b] .. starts[b+1]-1`, whose positions in
    their own sequence are `positions[t]`; a sequence whose first position is 0 starts with zero
    state. `slots[b]` is its row in the lightning state pools, and `pages[slots[b]]` lists its KV pages.
  }];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = "void registerAttributes();";
}

#endif // MM1_DIALECT_TD
