// Nodes on a real broker behind a real balancer that goes round robin, and the real clients with their default options: each connects once
// and stays, every event is acknowledged, every broadcast arrives once and in the order of its sender. All cells: `npm run soak:cluster`.
import { declareCell, testCells } from '../src/cluster-cells.ts'

for (const cell of testCells) await declareCell(cell, 15_000)
