"""The layouts in which votes are published, one small file each.

To add one, write a function from a row of the table to a battle, and its `Layout`, as in
`data.layouts.wsdm` (`data.layouts.layout` is the contract), and enter it in `LAYOUTS`.
"""
